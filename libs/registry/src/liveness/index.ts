export type { Boot, Boots, Observation, Sight, Sighting } from './boots.js';
export { isAlive, isSuspected, LATE_MS, NO_BOOTS, observe } from './boots.js';
export type { Coverage, PauseReason, Proof, Watch } from './coverage.js';
export {
  coveredAt,
  NEVER_WATCHED,
  reconnectWindowMs,
  TOLERANCE_MS,
  WATCH_INTERVAL_MS,
  watch,
} from './coverage.js';
export type { OrgSilence } from './silence.js';
export { judgeSilence, SILENCE_WINDOW_MS } from './silence.js';
export {
  DEFAULT_OFFLINE_AFTER_SECONDS,
  NEVER_SEEN_AFTER_SECONDS,
  offlineAfterSeconds,
} from './thresholds.js';
export type { Due, LivenessEvent, LivenessState } from './transitions.js';
export { dueFacts, livenessStream, stateAfter } from './transitions.js';
