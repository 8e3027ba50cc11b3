export * from './admin.js';
export * from './agent-api.js';
export * from './bulk-policies.js';
export * from './enrol.js';
export * from './policies.js';
export * from './problem.js';
