import type { Position } from '@keyfleet/event-store';
import type { Executor } from '@keyfleet/postgres';
import type { Change, ChangeNotice } from '../projection.js';

/** The channel of change notices. */
export const CHANNEL = 'keyfleet_changed';

/** One NOTIFY may carry 8,000 bytes; so many ids fit with room to spare. */
const IDS_PER_NOTICE = 100;

/** Tells listeners, when this transaction commits, which rows of which organisation changed. */
export async function announceChanges(
  tx: Executor,
  readModel: string,
  changes: readonly Change[],
  position: Position | null,
): Promise<void> {
  const notices: ChangeNotice[] = [];
  for (const [orgId, ids] of byOrganisation(changes))
    for (let at = 0; at < ids.length; at += IDS_PER_NOTICE)
      notices.push({ readModel, orgId, ids: ids.slice(at, at + IDS_PER_NOTICE), position });
  await notify(tx, notices);
}

/** Tells listeners that anything of a read model may have changed. */
export async function announceReset(
  tx: Executor,
  readModel: string,
  position: Position | null,
): Promise<void> {
  await notify(tx, [{ readModel, orgId: null, ids: [], position }]);
}

async function notify(tx: Executor, notices: readonly ChangeNotice[]): Promise<void> {
  if (notices.length === 0) return;
  const texts = notices.map((notice) => JSON.stringify(notice));
  await tx`select pg_notify(${CHANNEL}, notice) from unnest(${texts}::text[]) as notice`;
}

function byOrganisation(changes: readonly Change[]): Map<string | null, readonly string[]> {
  const sets = new Map<string | null, Set<string>>();
  for (const { orgId, ids } of changes) {
    const all = sets.get(orgId) ?? new Set<string>();
    for (const id of ids) all.add(id);
    sets.set(orgId, all);
  }
  return new Map([...sets].map(([orgId, ids]) => [orgId, [...ids]]));
}
