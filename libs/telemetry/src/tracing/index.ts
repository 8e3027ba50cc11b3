export { type TracingSettings, tracingSettings } from './settings.js';
export { startTracing, type Tracing, type TracingOptions } from './start.js';
