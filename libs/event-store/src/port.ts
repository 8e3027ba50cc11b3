import type { DomainEvent, EventMetadata } from '@keyfleet/kernel';

/** Opaque outside a driver and always text; compare two with `comparePositions` of the store that gave them. */
export type Position = string;

/** What the stream must look like for an append to happen. There is no "any". */
export type ExpectedRevision = 'no-stream' | bigint;

export interface NewEvent extends DomainEvent {
  /** `evt_<uuid>`; the same ids again at the same expectation give the first result. */
  readonly id: string;
  readonly metadata: EventMetadata;
}

export interface RecordedEvent<Data = unknown> extends DomainEvent<string, Data> {
  readonly id: string;
  readonly stream: string;
  /** Counts from 0n within the stream. */
  readonly revision: bigint;
  readonly position: Position;
  /** RFC 3339 UTC with microseconds at most; set by the store, never falls as position grows. */
  readonly recordedAt: string;
  readonly metadata: EventMetadata;
}

export interface Appended {
  readonly outcome: 'appended';
  /** Revision of the last event of this append. */
  readonly revision: bigint;
  /** Position of the last event of this append. */
  readonly position: Position;
  /** True where the same events were in the store already and nothing was written. */
  readonly idempotent: boolean;
}

/** A typed answer and no exception inside a batch: one loser must not hide the others' results. */
export interface Conflict {
  readonly outcome: 'conflict';
  readonly stream: string;
  readonly expected: ExpectedRevision;
  /** `null` where the stream does not exist. */
  readonly actual: bigint | null;
}

export type AppendResult = Appended | Conflict;

export interface StreamAppend {
  readonly stream: string;
  readonly expectedRevision: ExpectedRevision;
  readonly events: readonly NewEvent[];
}

export interface EventFilter {
  /** Stream categories (the part before the first `-`). */
  readonly categories?: readonly string[];
  readonly types?: readonly string[];
}

/** What a subscription yields: an event, or the promise that nothing wanted lies at or below `upTo`. */
export type SubscriptionItem =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  | { readonly kind: 'mark'; readonly upTo: Position };

export interface ReadStreamOptions {
  /** First revision wanted; 0n by default. */
  readonly from?: bigint;
  readonly limit?: number;
  readonly direction?: 'forwards' | 'backwards';
  /** Only events with `recordedAt <= until` (RFC 3339). */
  readonly until?: string;
}

export interface ReadAllOptions {
  /** Exclusive; absent means from the beginning. */
  readonly after?: Position;
  readonly filter?: EventFilter;
  readonly limit?: number;
}

export interface SubscribeOptions {
  /** Exclusive; absent means from the beginning. */
  readonly after?: Position;
  readonly filter?: EventFilter;
  readonly signal: AbortSignal;
  /** At most so many events are held for a slow consumer; 1,000 by default. */
  readonly bufferSize?: number;
}

/**
 * The event store. Appends are whole or absent, durable when acknowledged, totally ordered by position,
 * and no reader or subscriber ever passes an event that is not yet visible.
 *
 * Errors: `KeyfleetError('store.unavailable')` where the store does not answer; the outcome of an append is then
 * unknown and the same append may be sent again. Programming mistakes (empty append, bad stream name) are TypeErrors.
 */
export interface EventStore {
  append(
    stream: string,
    expectedRevision: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<AppendResult>;
  /** Atomic per stream, answers in the order of the appends; a stream may occur once. */
  appendBatch(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]>;
  /** Empty where there is no such stream. */
  readStream(stream: string, options?: ReadStreamOptions): Promise<readonly RecordedEvent[]>;
  /** `null` where there is no such stream. Trimmed streams keep their revision. */
  streamRevision(stream: string): Promise<bigint | null>;
  /** Ascending by position; `upTo` tells how far was looked, also where nothing matched. */
  readAll(
    options?: ReadAllOptions,
  ): Promise<{ readonly events: readonly RecordedEvent[]; readonly upTo: Position }>;
  /** Everything after `after`, then what comes, in batches of what is at hand; ends only by `signal`. */
  subscribe(options: SubscribeOptions): AsyncIterable<readonly SubscriptionItem[]>;
  /** Position of the newest event; the beginning where the store is empty. */
  headPosition(): Promise<Position>;
  comparePositions(a: Position, b: Position): -1 | 0 | 1;
  /** Removes events of a category recorded before a moment (RFC 3339); revisions and positions of the rest stay. Returns how many. */
  trim(category: string, before: string): Promise<number>;
  /** Removes every event of an organisation. Returns how many. */
  erase(orgId: string): Promise<number>;
  close(): Promise<void>;
}

/** `<category>-<id>`, the category in lower-case letters and hyphen-free. */
export const STREAM_NAME = /^[a-z]+-[A-Za-z0-9._-]{1,200}$/;

export function streamCategory(stream: string): string {
  return stream.slice(0, stream.indexOf('-'));
}
