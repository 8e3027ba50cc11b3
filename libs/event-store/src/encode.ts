import { KeyfleetError } from '@keyfleet/kernel';
import { checkAppend, checkProvided } from './input.js';
import { packMetadata } from './metadata.js';
import {
  type ExpectedRevision,
  MAX_APPEND_BYTES,
  type NewEvent,
  type Provided,
  type StreamAppend,
  streamCategory,
} from './port.js';

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
  readonly provided:
    | (Provided & { /** -1n for a stream that is not there. */ readonly expected: bigint })
    | undefined;
}

/** TypeError for a programming mistake, `request.too-large` beyond `MAX_APPEND_BYTES`; then nothing is to be written. */
export function encodeAppend({ stream, expectedRevision, events, provided }: StreamAppend): EncodedAppend {
  checkAppend(stream, expectedRevision, events);
  if (provided) checkProvided(stream, provided);
  const encoded = events.map(encodeEvent);
  let bytes = 0;
  for (const { data, metadata } of encoded) bytes += Buffer.byteLength(data) + Buffer.byteLength(metadata);
  if (bytes > MAX_APPEND_BYTES)
    throw new KeyfleetError('request.too-large', { detail: 'The events of one append exceed 1 MiB.' });
  return {
    stream,
    category: streamCategory(stream),
    expectedRevision,
    expected: countOf(expectedRevision),
    events: encoded,
    bytes,
    provided: provided && { ...provided, expected: countOf(provided.revision) },
  };
}

function countOf(revision: ExpectedRevision): bigint {
  return revision === 'no-stream' ? -1n : revision;
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
