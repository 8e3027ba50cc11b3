export type { Classification } from './classification.js';
export { classify, open, secret, secretFields, sensitive } from './classification.js';
export * from './heartbeat.js';
export * from './journal.js';
export * from './names.js';
export * from './permissions.js';
