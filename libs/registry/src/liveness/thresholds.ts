/** Covered seconds without a beat after which an agent is offline, where no group says otherwise. */
export const DEFAULT_OFFLINE_AFTER_SECONDS = 90;
/** Beats are up to 30 s apart and take a moment to be written: one beat in time is never silence. */
const LEAST_OFFLINE_AFTER_SECONDS = 35;
/** An agent that enrolled and never came: noticed within the 5 minutes we promise, but it may be slow to start. */
export const NEVER_SEEN_AFTER_SECONDS = 240;

/** The strictest of the groups an agent is in. */
export function offlineAfterSeconds(settings: readonly (number | null)[]): number {
  const set = settings.filter((seconds) => seconds !== null);
  if (set.length === 0) return DEFAULT_OFFLINE_AFTER_SECONDS;
  return Math.max(Math.min(...set), LEAST_OFFLINE_AFTER_SECONDS);
}
