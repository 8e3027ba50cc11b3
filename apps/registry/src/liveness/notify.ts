import type { Executor } from '@keyfleet/postgres';
import type { ChangeNotice } from '@keyfleet/read-store';
import type { Coverage } from '@keyfleet/registry/liveness';

/** Every agent's state is shown as unknown while detection is paused, so everybody's lists change with it. */
export const DETECTION_READ_MODEL = 'registry.detection';

/**
 * Sent with the rows it speaks of. Beats send none: who shows last-seen reads it again every few seconds, while what
 * people wait for, an agent gone or back, comes as an event through the agents' projection.
 */
export async function notifyDetection(
  tx: Executor,
  installationId: string,
  coverage: Coverage,
): Promise<void> {
  const notice: ChangeNotice = {
    readModel: DETECTION_READ_MODEL,
    orgId: null,
    ids: [installationId],
    // Not a position of the store: nothing waits for this read model by one.
    position: String(coverage.episode),
  };
  await tx`select pg_notify('keyfleet_changed', ${JSON.stringify(notice)})`;
}
