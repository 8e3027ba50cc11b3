export * from './agent-command.js';
export * from './command.js';
export * from './policy.js';
export * from './registry.js';
export * from './subjects.js';
