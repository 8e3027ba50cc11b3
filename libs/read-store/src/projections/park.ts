import type { RecordedEvent } from '@keyfleet/event-store';
import { type Sql, transaction } from '@keyfleet/postgres';
import type { Projection } from '../projection.js';
import { advance, enter, type Step } from './commit.js';
import type { Lease } from './lease.js';

export interface Poison {
  readonly step: Step;
  readonly event: RecordedEvent;
  readonly code: string;
  readonly tries: number;
}

/** Puts the stream of a poison event aside and moves on: its later events wait behind it in the store. */
export async function park(sql: Sql, projection: Projection, lease: Lease, poison: Poison): Promise<void> {
  const { event, step, code, tries } = poison;
  await transaction(sql, async (tx) => {
    await enter(tx, projection, lease, step);
    await tx`
      insert into projections.parked_streams
        (projection, version, stream, from_revision, event_id, event_type, code, tries)
      values (${projection.name}, ${projection.version}, ${event.stream}, ${event.revision}, ${event.id},
        ${event.type}, ${code}, ${tries})
      on conflict do nothing`;
    await advance(tx, projection, step);
  });
}

export interface ParkedStream {
  readonly projection: string;
  readonly version: number;
  readonly stream: string;
  /** The event that could not be applied, and the first that waits. */
  readonly fromRevision: bigint;
  readonly eventId: string;
  readonly eventType: string;
  /** SQLSTATE, error code or name of an error class. */
  readonly code: string;
  readonly tries: number;
  readonly parkedAt: string;
}

/** All of them, the oldest first. */
export async function parkedStreams(sql: Sql): Promise<ParkedStream[]> {
  return sql<ParkedStream[]>`
    select projection, version, stream, from_revision as "fromRevision", event_id as "eventId",
      event_type as "eventType", code, tries, parked_at as "parkedAt"
    from projections.parked_streams order by parked_at, projection, stream`;
}
