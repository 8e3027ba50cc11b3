export type { Classification } from './classification.js';
export { classify, open, secret, secretFields, sensitive } from './classification.js';
export {
  type Comparator,
  type Comparison,
  checkSelector,
  comparisons,
  type Filter,
  parseFilter,
  parseSelector,
  placeOf,
  selects,
} from './filter.js';
export * from './heartbeat.js';
export * from './journal.js';
export * from './names.js';
export * from './numbers.js';
export * from './permissions.js';
export * from './policy-bundle.js';
export * from './policy-document.js';
export * from './policy-rollout.js';
export * from './text.js';
