import type { Position } from '@keyfleet/event-store';
import type { Executor } from '@keyfleet/postgres';
import type { Change, ChangeNotice } from '../projection.js';

/** The channel of change notices. */
export const CHANNEL = 'keyfleet_changed';

/** One NOTIFY may carry 8,000 bytes; so many ids fit with room to spare. */
const IDS_PER_NOTICE = 100;

/**
 * Tells listeners, when this transaction commits, which rows of which organisation changed. A change without ids says
 * that any of that organisation's may have, and takes one notice however much changed.
 */
export async function announceChanges(
  tx: Executor,
  readModel: string,
  changes: readonly Change[],
  position: Position | null,
): Promise<void> {
  const notices: ChangeNotice[] = [];
  for (const [orgId, ids] of byOrganisation(changes)) {
    let at = 0;
    do notices.push({ readModel, orgId, ids: ids.slice(at, at + IDS_PER_NOTICE), position });
    while ((at += IDS_PER_NOTICE) < ids.length);
  }
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

/** Of each organisation the ids that changed; none where one of the changes names none, for it may be any. */
function byOrganisation(changes: readonly Change[]): Map<string | null, readonly string[]> {
  const named = new Map<string | null, Set<string>>();
  const whole = new Set<string | null>();
  for (const { orgId, ids } of changes) {
    if (ids.length === 0) whole.add(orgId);
    const all = named.get(orgId) ?? new Set<string>();
    for (const id of ids) all.add(id);
    named.set(orgId, all);
  }
  return new Map([...named].map(([orgId, ids]) => [orgId, whole.has(orgId) ? [] : [...ids]]));
}
