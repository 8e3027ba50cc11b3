import type { EventMetadata } from '@keyfleet/kernel';
import type {
  AllStreamRecordedEvent,
  EventData,
  RecordedEvent as KurrentEvent,
} from '@kurrent/kurrentdb-client';
import type { EncodedEvent } from '../encode.js';
import { unpackMetadata } from '../metadata.js';
import type { Position, RecordedEvent } from '../port.js';

/** Beside the metadata of the event: its version, and which call wrote it (see ADR 0013 on idempotence). */
interface Envelope {
  readonly v: number;
  readonly append: string;
}

/** As it was read, before the store's own words for time and retention are applied. */
export interface Raw {
  readonly event: RecordedEvent;
  readonly category: string;
  readonly append: string;
  readonly at: bigint;
}

export function written({ id, type, v, orgId, data, metadata }: EncodedEvent, append: string): EventData {
  const envelope: Envelope = { v, append };
  return {
    id: id.slice('evt_'.length),
    contentType: 'application/json',
    type,
    data: JSON.parse(data),
    metadata: { ...unpackMetadata(JSON.parse(metadata), orgId), $keyfleet: envelope },
  };
}

/** Domain events only: what stands in a stream of ours without our envelope is not ours, and `undefined`. */
export function rawFrom(found: KurrentEvent | AllStreamRecordedEvent | undefined): Raw | undefined {
  const { $keyfleet: envelope, ...metadata } = (found?.metadata ?? {}) as unknown as EventMetadata & {
    readonly $keyfleet?: Envelope;
  };
  if (!found || !envelope) return undefined;
  const at = commitOf(found);
  return {
    at,
    append: envelope.append,
    category: found.streamId.slice(0, found.streamId.indexOf('-')),
    event: {
      id: `evt_${found.id}`,
      type: found.type,
      v: envelope.v,
      stream: found.streamId,
      revision: BigInt(found.revision),
      position: String(at),
      recordedAt: found.created.toISOString().replace('Z', '000Z'),
      data: found.data,
      metadata,
    },
  };
}

/** Every event of ours is written by an append of its own stream alone, so its commit position is its own. */
export function commitOf({ position }: Pick<KurrentEvent, 'position'>): bigint {
  if (!position)
    throw new Error('This server gives no positions: KurrentDB, or EventStoreDB 22.6, is needed.');
  return BigInt(position.commit);
}

export const toPosition = (at: bigint): Position => String(at);
