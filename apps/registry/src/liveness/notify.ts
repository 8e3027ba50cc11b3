import type { Executor } from '@keyfleet/postgres';
import { announceChanges } from '@keyfleet/read-store';

/** Every agent's state is shown as unknown while detection is paused, so everybody's lists change with it. */
const DETECTION = 'registry.detection';
/** Lists of agents show the state of these rows, whatever else they show. */
const AGENTS = 'registry.agents';

/** Sent with the row it speaks of. */
export function notifyDetection(tx: Executor, installationId: string): Promise<void> {
  return announceChanges(tx, DETECTION, [{ orgId: null, ids: [installationId] }], null);
}

/**
 * Agents that went or came back. A beat that changes nothing sends no notice: whoever shows last-seen reads it again
 * every few seconds, and a NOTIFY per beat would make every commit of the database wait in one line.
 */
export function notifyAgents(
  tx: Executor,
  rows: readonly { readonly agent_id: string; readonly org_id: string }[],
): Promise<void> {
  const changes = rows.map(({ agent_id, org_id }) => ({ orgId: org_id, ids: [agent_id] }));
  return announceChanges(tx, AGENTS, changes, null);
}
