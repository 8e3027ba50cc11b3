import type { EncodedEvent } from '../encode.js';
import { unpackMetadata } from '../metadata.js';
import type { EventFilter, RecordedEvent } from '../port.js';

export interface Stored extends EncodedEvent {
  readonly position: number;
  readonly stream: string;
  readonly category: string;
  readonly revision: bigint;
  readonly recordedAt: string;
}

export function recorded(stored: Stored): RecordedEvent {
  const { id, type, v, stream, revision, recordedAt } = stored;
  return {
    id,
    type,
    v,
    stream,
    revision,
    position: String(stored.position),
    recordedAt,
    data: JSON.parse(stored.data),
    metadata: unpackMetadata(JSON.parse(stored.metadata), stored.orgId),
  };
}

export function matches({ category, type }: Stored, { categories, types }: EventFilter = {}): boolean {
  return (categories?.includes(category) ?? true) && (types?.includes(type) ?? true);
}

/** Index of the first event after a position; the log ascends by position and may have gaps. */
export function indexAfter(log: readonly Stored[], position: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((log[middle] as Stored).position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
