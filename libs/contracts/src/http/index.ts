export * from './admin.js';
export * from './agent-api.js';
export * from './enrol.js';
export * from './problem.js';
