export type * from './commands.js';
export { policy } from './decide.js';
export type {
  Assignment,
  LivePolicy,
  Policy,
  PolicyDraft,
  PolicyFact,
  PolicyVersion,
  Rollout,
} from './policy.js';
export { isRolling, POLICY_MAX_ASSIGNMENTS, policyStream } from './policy.js';
export { bucketOf, isInWave, versionFor, waveKey, waveShare } from './waves.js';
