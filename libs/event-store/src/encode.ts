import { KeyfleetError } from '@keyfleet/kernel';
import { checkAppend } from './input.js';
import { packMetadata } from './metadata.js';
import { MAX_APPEND_BYTES, type NewEvent, type StreamAppend, streamCategory } from './port.js';

/** An event ready to be written: checked, and as text, so that nobody's object is shared. */
export interface EncodedEvent {
  readonly id: string;
  readonly type: string;
  readonly v: number;
  readonly orgId: string | null;
  readonly data: string;
  readonly metadata: string;
}

export interface EncodedAppend {
  readonly stream: string;
  readonly category: string;
  readonly expectedRevision: StreamAppend['expectedRevision'];
  /** -1n for a stream that is not there. */
  readonly expected: bigint;
  readonly events: readonly EncodedEvent[];
  readonly bytes: number;
}

/** TypeError for a programming mistake, `request.too-large` beyond `MAX_APPEND_BYTES`; then nothing is to be written. */
export function encodeAppend({ stream, expectedRevision, events }: StreamAppend): EncodedAppend {
  checkAppend(stream, expectedRevision, events);
  const encoded = events.map(encodeEvent);
  let bytes = 0;
  for (const { data, metadata } of encoded) bytes += Buffer.byteLength(data) + Buffer.byteLength(metadata);
  if (bytes > MAX_APPEND_BYTES)
    throw new KeyfleetError('request.too-large', { detail: 'The events of one append exceed 1 MiB.' });
  return {
    stream,
    category: streamCategory(stream),
    expectedRevision,
    expected: expectedRevision === 'no-stream' ? -1n : expectedRevision,
    events: encoded,
    bytes,
  };
}

function encodeEvent({ id, type, v, data, metadata }: NewEvent): EncodedEvent {
  return { id, type, v, orgId: metadata.orgId, data: toJson(data), metadata: packMetadata(metadata) };
}

/** TypeError for what JSON cannot hold (`undefined`, a bigint, a cycle). */
function toJson(data: unknown): string {
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new TypeError('The data of an event must be JSON.');
  return text;
}
