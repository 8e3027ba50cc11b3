import type { EventStore, Position, RecordedEvent } from '@keyfleet/event-store';
import { errorCode, type Sql, transaction } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { advance, announce, contextOf, enter, type Step } from './commit.js';
import type { Lease } from './lease.js';

/** Puts the stream of a poison event aside and moves on; what was wrong is kept as a code, never as a message. */
export async function park(
  sql: Sql,
  projection: Projection,
  lease: Lease,
  poison: { step: Step; event: RecordedEvent; error: unknown; tries: number },
): Promise<void> {
  const { event, step, error, tries } = poison;
  await transaction(sql, async (tx) => {
    await enter(tx, projection, lease, step);
    await tx`insert into projections.parked_streams (projection, version, stream, from_revision, event_id, event_type, code, tries)
      values (${projection.name}, ${projection.version}, ${event.stream}, ${event.revision}, ${event.id}, ${event.type}, ${codeOf(error)}, ${tries})
      on conflict do nothing`;
    await advance(tx, projection, step);
  });
}

function codeOf(error: unknown): string {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  return code.replace(/[^\w.-]/g, '').slice(0, 64) || 'unknown';
}

export interface ReplayOptions {
  readonly sql: Sql;
  readonly store: Pick<EventStore, 'readStream' | 'comparePositions'>;
  readonly projection: Projection;
  readonly stream: string;
}

/**
 * Applies a parked stream's events up to the checkpoint and lets it go on, in one transaction. Safe beside a running
 * worker: it waits while this holds the lease row. Returns how many events were applied; throws what the projection throws.
 */
export async function replayParked({ sql, store, projection, stream }: ReplayOptions): Promise<number> {
  const { name, version } = projection;
  return transaction(sql, async (tx) => {
    await tx`select 1 from projections.leases where projection = ${name} and version = ${version} for update`;
    const [parked] = await tx<{ from_revision: bigint }[]>`delete from projections.parked_streams
      where projection = ${name} and version = ${version} and stream = ${stream} returning from_revision`;
    if (!parked) return 0;
    const [checkpoint] = await tx<{ position: Position | null; state: string }[]>`
      select position, state from projections.checkpoints where projection = ${name} and version = ${version}`;
    const upTo = checkpoint?.position ?? null;
    const events = await store.readStream(stream, { from: parked.from_revision });
    const due =
      upTo === null ? [] : events.filter(({ position }) => store.comparePositions(position, upTo) <= 0);
    const wanted = due.filter(({ type }) => projection.filter.types?.includes(type) ?? true);
    if (wanted.length > 0) {
      const changes = await projection.apply(wanted, contextOf(projection, tx));
      if (checkpoint?.state === 'current') await announce(tx, name, changes, upTo);
    }
    return wanted.length;
  });
}

export interface ParkedStream {
  readonly projection: string;
  readonly version: number;
  readonly stream: string;
  readonly eventType: string;
  readonly code: string;
  readonly parkedAt: string;
}

export async function parkedStreams(sql: Sql): Promise<ParkedStream[]> {
  return sql<
    ParkedStream[]
  >`select projection, version, stream, event_type as "eventType", code, parked_at as "parkedAt"
    from projections.parked_streams order by parked_at`;
}
