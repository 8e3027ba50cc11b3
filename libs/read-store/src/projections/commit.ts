import type { Position, RecordedEvent } from '@keyfleet/event-store';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import type { Projection, ProjectionContext } from '../projection.js';
import { announceChanges } from './announce.js';
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
}

/** Of one version of a projection. What is not current is built or kept in silence: nobody is told of its rows. */
export type VersionState = 'building' | 'current' | 'retired';

/**
 * Rows, checkpoint and notices in one transaction, fenced by lease and checkpoint. Events of parked streams are left
 * out. Returns how many events were applied.
 */
export async function commitStep(
  sql: Sql,
  projection: Projection,
  lease: Lease,
  step: Step,
): Promise<number> {
  return transaction(sql, async (tx) => {
    const { parked, state, tables } = await enter(tx, projection, lease, step);
    const events = parked.size === 0 ? step.events : step.events.filter(({ stream }) => !parked.has(stream));
    const changes =
      events.length === 0 ? [] : await projection.apply(events, contextOf(projection, tx, tables));
    await advance(tx, projection, step);
    if (state === 'current') await announceChanges(tx, projection.name, changes, step.to);
    return events.length;
  });
}

/** Logical name of each table → its physical one; a rebuild changes it while workers run. */
export type Physical = Readonly<Record<string, string>>;

interface Entered {
  readonly parked: ReadonlySet<string>;
  readonly state: VersionState;
  readonly tables: Physical;
}

/**
 * Holds the lease row until the commit, so that nobody takes over meanwhile and no parked stream is replayed beside.
 * What it finds out is asked in a second statement: the first may have waited, and sees the other tables as they were
 * before that.
 */
export async function enter(
  tx: Executor,
  { name, version }: Projection,
  lease: Lease,
  step: Step,
): Promise<Entered> {
  // A crash may lose this commit with its checkpoint, never one of them: it is done again.
  const held = await tx`
    select set_config('synchronous_commit', 'off', true) from projections.leases
    where projection = ${name} and version = ${version} and holder = ${lease.holder} and epoch = ${lease.epoch}
    for share`;
  if (held.length === 0) throw new FencedError(name);
  const streams = [...new Set(step.events.map(({ stream }) => stream))];
  const [found] = await tx<{ state: VersionState; parked: string[]; tables: Physical }[]>`
    select state, array(
      select stream from projections.parked_streams
      where projection = ${name} and version = ${version} and stream = any(${streams}::text[])) as parked,
      (select jsonb_object_agg(logical, physical) from projections.tables
       where projection = ${name} and version = ${version}) as tables
    from projections.checkpoints where projection = ${name} and version = ${version}`;
  if (!found || isReplaced(version, found.state)) throw new FencedError(name);
  return { parked: new Set(found.parked), state: found.state, tables: found.tables };
}

/** A rebuild ends when its tables have become those of the version. */
function isReplaced(version: number, state: VersionState): boolean {
  return version < 0 && state !== 'building';
}

export async function advance(tx: Executor, { name, version }: Projection, step: Step): Promise<void> {
  const moved = await tx`
    update projections.checkpoints set position = ${step.to}, updated_at = clock_timestamp()
    where projection = ${name} and version = ${version} and position is not distinct from ${step.from} returning 1`;
  if (moved.length === 0) throw new FencedError(name);
}

export function contextOf(
  { name: projection }: Projection,
  tx: Executor,
  tables: Physical,
): ProjectionContext {
  return {
    tx,
    table: (name) => {
      const physical = tables[name];
      if (!physical) throw new TypeError(`${projection} has no table ${name}`);
      return physical;
    },
  };
}
