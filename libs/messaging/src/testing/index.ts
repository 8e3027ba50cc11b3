export { type Cast, type Forgery, forgeries } from './forgeries.js';
export { type Outcome, runForgery, type Stage, Witness } from './run-forgery.js';
export { serviceSettings } from './service-settings.js';
export { type TestAgent, TestBroker, witnessCredentials } from './test-broker.js';
