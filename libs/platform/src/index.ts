export { systemClock } from './clock.js';
export { describeConfig } from './config/describe.js';
export { ConfigError, type ConfigSources, type LoadedConfig, loadConfig } from './config/load.js';
export { type ConfigProblem, describeOrigin, type Origin } from './config/values.js';
export { failpoint, readFailpoints } from './failpoint.js';
export {
  isUnexpected,
  kindToStatus,
  PROBLEM_CONTENT_TYPE,
  type ProblemAnswer,
  type ProblemContext,
  toProblem,
} from './http/problem.js';
export { deriveId, newId } from './ids.js';
export { createLogger, type Logger, type LoggerOptions, type LogLevel } from './logging/logger.js';
export { type NestLogger, nestLogger } from './logging/nest-logger.js';
export { redact, scrub } from './logging/redact.js';
export { createMetrics, type Metrics, type MetricsOptions } from './operations/metrics.js';
export { type Check, type Operations, type OperationsOptions, startOperations } from './operations/server.js';
export { createShutdown, type Shutdown, type ShutdownOptions } from './operations/shutdown.js';
export {
  contextOf,
  currentTraceparent,
  inSpan,
  isTracing,
  recordSpan,
  type SpanOptions,
  useTracing,
} from './operations/spans.js';
export {
  childTraceparent,
  continueTrace,
  parseTraceparent,
  type TraceContext,
} from './operations/tracing.js';
export {
  type TestTime,
  testTime,
  testTimeFactor,
  testTimeFromEnvironment,
} from './test-time.js';
