export { BrokerMetrics, handledCommands, measuredCommands } from './broker.js';
export { certificateMetrics } from './certificates.js';
export { children } from './children.js';
export { clockMetrics } from './clock.js';
export { poolMetrics } from './pools.js';
export { type ProjectionMetricsOptions, projectionMetrics } from './projections.js';
export { type RedisMetricsOptions, redisMetrics } from './redis.js';
export { Sampler, type SamplerOptions } from './sampler.js';
export { type StoreStep, storeMetrics } from './store.js';
