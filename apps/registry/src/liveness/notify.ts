import type { Executor } from '@keyfleet/postgres';
import { announceChanges } from '@keyfleet/read-store';

/** Every agent's state is shown as unknown while detection is paused, so everybody's lists change with it. */
export const DETECTION_READ_MODEL = 'registry.detection';

/**
 * Sent with the row it speaks of. Beats send none: who shows last-seen reads it again every few seconds, while what
 * people wait for, an agent gone or back, comes as an event through the agents' projection.
 */
export function notifyDetection(tx: Executor, installationId: string): Promise<void> {
  return announceChanges(tx, DETECTION_READ_MODEL, [{ orgId: null, ids: [installationId] }], null);
}
