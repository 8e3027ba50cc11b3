import type { EventStore, Position, RecordedEvent } from '@keyfleet/event-store';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import type { Change, Projection } from '../projection.js';
import { announceChanges } from './announce.js';
import { contextOf, type Physical, type VersionState } from './commit.js';
import { codeOf, isPoison } from './poison.js';

export interface ReplayOptions {
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'readStream' | 'comparePositions'>;
  readonly projection: Projection;
  readonly stream: string;
}

export type ReplayResult =
  | { readonly outcome: 'replayed'; readonly events: number }
  /** It failed again and stays where it was. */
  | { readonly outcome: 'still-parked'; readonly code: string }
  | { readonly outcome: 'not-parked' };

/** Events read at once. */
const PAGE = 500;

/**
 * Applies what waits of a parked stream and lets it go on, all in one transaction. Any process may do it beside the
 * running worker, which waits meanwhile.
 */
export async function replayParked(options: ReplayOptions): Promise<ReplayResult> {
  try {
    return await transaction(options.sql, (tx) => replay(tx, options));
  } catch (error) {
    if (!isPoison(error)) throw error;
    const { sql, projection, stream } = options;
    await sql`
      update projections.parked_streams set tries = tries + 1, code = ${codeOf(error)}
      where projection = ${projection.name} and version = ${projection.version} and stream = ${stream}`;
    return { outcome: 'still-parked', code: codeOf(error) };
  }
}

async function replay(tx: Executor, options: ReplayOptions): Promise<ReplayResult> {
  const { name, version } = options.projection;
  // Keeps workers out until the commit. A stream was parked, so there is a lease, held or not.
  await tx`select 1 from projections.leases where projection = ${name} and version = ${version} for update`;
  const [parked] = await tx<{ from_revision: bigint }[]>`
    delete from projections.parked_streams
    where projection = ${name} and version = ${version} and stream = ${options.stream} returning from_revision`;
  if (!parked) return { outcome: 'not-parked' };
  const [checkpoint] = await tx<{ position: Position; state: VersionState; tables: Physical }[]>`
    select position, state, (select jsonb_object_agg(logical, physical) from projections.tables
      where projection = ${name} and version = ${version}) as tables
    from projections.checkpoints where projection = ${name} and version = ${version}`;
  if (!checkpoint) return { outcome: 'not-parked' };
  const context = contextOf(options.projection, tx, checkpoint.tables);
  const changes: Change[] = [];
  let applied = 0;
  for await (const events of waiting(options, parked.from_revision, checkpoint.position)) {
    if (events.length === 0) continue;
    changes.push(...(await options.projection.apply(events, context)));
    applied += events.length;
  }
  if (checkpoint.state === 'current') await announceChanges(tx, name, changes, checkpoint.position);
  return { outcome: 'replayed', events: applied };
}

/** The stream's events from a revision up to the checkpoint; the worker applies those after it. */
async function* waiting(
  { store, projection, stream }: ReplayOptions,
  from: bigint,
  upTo: Position,
): AsyncGenerator<RecordedEvent[]> {
  for (let next = from; ; ) {
    const page = await store.readStream(stream, { from: next, limit: PAGE });
    const due = page.filter(({ position }) => store.comparePositions(position, upTo) <= 0);
    yield due.filter(({ type }) => projection.filter.types?.includes(type) ?? true);
    const last = page.at(-1);
    if (!last || due.length < page.length) return;
    next = last.revision + 1n;
  }
}
