import type { Position, RecordedEvent } from '@keyfleet/event-store';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import { type Change, type ChangeNotice, type Projection, physicalName } from '../projection.js';
import type { Lease } from './lease.js';

/** Somebody else holds the lease or has moved the checkpoint: this worker must stop at once. */
export class FencedError extends Error {
  constructor(projection: string) {
    super(`${projection} is run by somebody else now.`);
    this.name = 'FencedError';
  }
}

export interface Step {
  readonly events: readonly RecordedEvent[];
  /** Checkpoint before and after. */
  readonly from: Position | null;
  readonly to: Position;
  /** Off while a version is built beside the current one. */
  readonly announce: boolean;
}

/** One NOTIFY may carry 8,000 bytes; so many ids fit with room to spare. */
const MAX_IDS = 100;

/** Rows, checkpoint and notices in one transaction, fenced by lease and checkpoint. Events of parked streams are left out. */
export async function commitStep(
  sql: Sql,
  projection: Projection,
  lease: Lease,
  step: Step,
): Promise<number> {
  return transaction(sql, async (tx) => {
    const parked = await enter(tx, projection, lease, step);
    const events = parked.size === 0 ? step.events : step.events.filter(({ stream }) => !parked.has(stream));
    const changes = events.length === 0 ? [] : await projection.apply(events, contextOf(projection, tx));
    await advance(tx, projection, step);
    if (step.announce) await announce(tx, projection.name, changes, step.to);
    return events.length;
  });
}

/** Holds the lease row, so that nobody takes over before this commits, and says which streams are parked. */
export async function enter(
  tx: Executor,
  projection: Projection,
  lease: Lease,
  step: Pick<Step, 'events'>,
): Promise<ReadonlySet<string>> {
  const { name, version } = projection;
  const held = await tx`select 1 from projections.leases where projection = ${name} and version = ${version}
    and holder = ${lease.holder} and epoch = ${lease.epoch} for share`;
  if (held.length === 0) throw new FencedError(name);
  const streams = [...new Set(step.events.map(({ stream }) => stream))];
  if (streams.length === 0) return new Set();
  const rows = await tx<{ stream: string }[]>`select stream from projections.parked_streams
    where projection = ${name} and version = ${version} and stream = any(${streams}::text[])`;
  return new Set(rows.map(({ stream }) => stream));
}

export async function advance(
  tx: Executor,
  { name, version }: Projection,
  step: Pick<Step, 'from' | 'to'>,
): Promise<void> {
  const moved =
    await tx`update projections.checkpoints set position = ${step.to}, updated_at = clock_timestamp()
    where projection = ${name} and version = ${version} and position is not distinct from ${step.from} returning 1`;
  if (moved.length === 0) throw new FencedError(name);
}

export function contextOf(projection: Projection, tx: Executor) {
  const known = new Set(projection.tables.map(({ name }) => name));
  return {
    tx,
    table: (name: string): string => {
      if (!known.has(name)) throw new TypeError(`${projection.name} has no table ${name}`);
      return physicalName(name, projection.version);
    },
  };
}

export async function announce(
  tx: Executor,
  readModel: string,
  changes: readonly Change[],
  position: Position | null,
): Promise<void> {
  const byOrg = new Map<string | null, Set<string>>();
  for (const { orgId, ids } of changes) {
    const all = byOrg.get(orgId) ?? new Set<string>();
    for (const id of ids) all.add(id);
    byOrg.set(orgId, all);
  }
  if (byOrg.size === 0) return;
  const notices = [...byOrg].map(
    ([orgId, ids]): ChangeNotice => ({ readModel, orgId, ids: ids.size > MAX_IDS ? [] : [...ids], position }),
  );
  await tx`select pg_notify('keyfleet_changed', notice) from unnest(${notices.map((notice) => JSON.stringify(notice))}::text[]) as notice`;
}
