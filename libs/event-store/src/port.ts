import type { DomainEvent, EventMetadata } from '@keyfleet/kernel';

/** Opaque outside a driver and always text; compare two with `comparePositions` of the store that gave them. */
export type Position = string;

/** What the stream must look like for an append to happen. There is no "any". */
export type ExpectedRevision = 'no-stream' | bigint;

export interface NewEvent extends DomainEvent {
  /** `evt_<uuid>`, unique for ever; the same ids again at the same expectation give the first result. */
  readonly id: string;
  readonly metadata: EventMetadata;
}

export interface RecordedEvent<Data = unknown> extends DomainEvent<string, Data> {
  readonly id: string;
  readonly stream: string;
  /** Counts from 0n within the stream. */
  readonly revision: bigint;
  readonly position: Position;
  /** RFC 3339 UTC, always with six fraction digits, so that text order is time order; set by the store, never falls as position grows. */
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
  /** 1 to `MAX_APPEND_EVENTS` of them, `MAX_APPEND_BYTES` of JSON in all. */
  readonly events: readonly NewEvent[];
  /**
   * Another stream that has to stand just here at the moment of the append; else it is a conflict that names that
   * stream. For decisions that were made from both. KurrentDB looks right before the append and not in it.
   */
  readonly provided?: Provided | undefined;
}

export interface Provided {
  readonly stream: string;
  readonly revision: ExpectedRevision;
}

/** Wanted is what fits every list given; an empty list is a TypeError, since it could only mean nothing. */
export interface EventFilter {
  /** Stream categories (the part before the first `-`). */
  readonly categories?: readonly string[];
  readonly types?: readonly string[];
}

/** What a subscription yields: an event, or the promise that nothing wanted and not yet yielded lies at or below `upTo`. */
export type SubscriptionItem =
  | { readonly kind: 'event'; readonly event: RecordedEvent }
  | { readonly kind: 'mark'; readonly upTo: Position };

export interface ReadStreamOptions {
  /** The revision to begin at, itself included; by default the first, or the newest where reading backwards. */
  readonly from?: bigint;
  /** All there are by default. */
  readonly limit?: number;
  readonly direction?: 'forwards' | 'backwards';
  /** Only events with `recordedAt <= until` (RFC 3339). */
  readonly until?: string;
}

export interface ReadAllOptions {
  /** Exclusive; absent means from the beginning. */
  readonly after?: Position;
  readonly filter?: EventFilter;
  /** 1,000 by default. */
  readonly limit?: number;
}

/** Fewer events than the limit means that everything up to the newest event was looked at. */
export interface AllPage {
  readonly events: readonly RecordedEvent[];
  /** How far was looked, also where nothing matched; never below `after`. The next page begins here. */
  readonly upTo: Position;
}

export interface SubscribeOptions {
  /** Exclusive; absent means from the beginning. */
  readonly after?: Position;
  readonly filter?: EventFilter;
  /**
   * Categories of whose streams only the newest event of each type matters: of those that come in one batch, a driver
   * may leave out the earlier ones. The filter must let these categories through.
   */
  readonly newestOf?: readonly string[];
  readonly signal: AbortSignal;
  /** At most so many events are held for a slow consumer, which is also the largest batch; 1,000 by default. */
  readonly bufferSize?: number;
}

/**
 * The event store. Appends are whole or absent, durable when acknowledged, totally ordered by position,
 * and no reader or subscriber ever passes an event that is not yet visible.
 *
 * Errors: `KeyfleetError('store.unavailable')` where the store does not answer, or has more to do than it can hold;
 * the outcome of an append is then unknown and the same append may be sent again. `request.too-large` where an append
 * has more than `MAX_APPEND_BYTES`. Programming mistakes (empty append, bad stream name, a filter that names nothing)
 * are TypeErrors.
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
  /** Ascending by position. */
  readAll(options?: ReadAllOptions): Promise<AllPage>;
  /**
   * Everything after `after`, then what comes, in batches of what is at hand. Nothing is read ahead of a consumer
   * that is busy. An outage of the store only makes it wait; it ends by `signal`, `close` or the consumer's `break`.
   * It throws where the store ends before `after`, or before what it has yielded: then the store was put back to an
   * earlier time, and whoever follows has to begin again from a place of its own that was put back too.
   */
  subscribe(options: SubscribeOptions): AsyncIterable<readonly SubscriptionItem[]>;
  /** Position of the newest event there ever was, removed or not; the beginning where there was none. */
  headPosition(): Promise<Position>;
  comparePositions(a: Position, b: Position): -1 | 0 | 1;
  /**
   * Removes events of a category recorded before a moment (RFC 3339 UTC) and returns how many. Revisions and positions
   * of the rest stay and none is ever given out again. Not one transaction: readers may see part of it done.
   */
  trim(category: string, before: string): Promise<number>;
  /** Removes every event of an organisation recorded so far and returns how many; otherwise as `trim`. */
  erase(orgId: string): Promise<number>;
  /** Appends under way are finished, subscriptions end, later calls get `store.unavailable`. */
  close(): Promise<void>;
}

/** An append holds the writers' place in line while it is written, so it must be small. */
export const MAX_APPEND_EVENTS = 1_000;
/** Of data and metadata as JSON in UTF-8; what KurrentDB takes at once. */
export const MAX_APPEND_BYTES = 1024 * 1024;

/** `<category>-<id>`, the category in lower-case letters and hyphen-free. */
export const STREAM_NAME = /^[a-z]+-[A-Za-z0-9._-]{1,200}$/;

export function streamCategory(stream: string): string {
  return stream.slice(0, stream.indexOf('-'));
}
