import { type Clock, KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import { type EncodedAppend, type EncodedEvent, encodeAppend } from '../encode.js';
import { follow, type Look } from '../follow.js';
import {
  checkBatch,
  checkCategory,
  checkFilter,
  checkLimit,
  checkMoment,
  checkNewestOf,
  checkOrganisation,
  checkStream,
} from '../input.js';
import type {
  AllPage,
  Appended,
  AppendResult,
  EventFilter,
  EventStore,
  ExpectedRevision,
  NewEvent,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  StreamAppend,
  SubscribeOptions,
  SubscriptionItem,
} from '../port.js';
import { BEGINNING, checkCount, compareCounts } from '../position.js';
import { Wakeups } from '../wakeups.js';
import { indexAfter, matches, recorded, type Stored } from './log.js';

interface Stream {
  revision: bigint;
  events: Stored[];
}

const DEFAULT_LIMIT = 1_000;
const POLL_MS = 1_000;

/** Everything in this process and gone with it; for tests of what uses an event store. */
export class InMemoryEventStore implements EventStore {
  readonly #clock: Clock;
  readonly #streams = new Map<string, Stream>();
  readonly #wakeups = new Wakeups();
  readonly #closing = new AbortController();
  #log: Stored[] = [];
  #head = 0;
  #recordedAt = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async append(
    stream: string,
    expectedRevision: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<AppendResult> {
    this.#checkOpen();
    return this.#append(encodeAppend({ stream, expectedRevision, events }));
  }

  async appendBatch(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    this.#checkOpen();
    checkBatch(appends);
    return appends.map(encodeAppend).map((append) => this.#append(append));
  }

  #append({ stream, category, expectedRevision, expected, events, provided }: EncodedAppend): AppendResult {
    const found = this.#streams.get(stream);
    const actual = found?.revision ?? null;
    if ((actual ?? -1n) !== expected) {
      const stored = found && storedAlready(found, expected, events);
      return stored
        ? appendedAt(stored, true)
        : { outcome: 'conflict', stream, expected: expectedRevision, actual };
    }
    const unmet = provided && this.#unmet(provided);
    if (unmet) return unmet;
    const recordedAt = this.#nextRecordedAt();
    const stored = events.map((event, index) => ({
      ...event,
      stream,
      category,
      position: this.#head + index + 1,
      revision: expected + BigInt(index) + 1n,
      recordedAt,
    }));
    return this.#commit(stream, stored);
  }

  #unmet({ stream, revision, expected }: NonNullable<EncodedAppend['provided']>): AppendResult | undefined {
    const actual = this.#streams.get(stream)?.revision ?? null;
    return (actual ?? -1n) === expected
      ? undefined
      : { outcome: 'conflict', stream, expected: revision, actual };
  }

  #commit(stream: string, stored: readonly Stored[]): AppendResult {
    const last = stored[stored.length - 1] as Stored;
    const entry = this.#streams.get(stream) ?? { revision: -1n, events: [] };
    entry.events.push(...stored);
    entry.revision = last.revision;
    this.#streams.set(stream, entry);
    this.#log.push(...stored);
    this.#head = last.position;
    this.#recordedAt = last.recordedAt;
    this.#wakeups.wake();
    return appendedAt(last, false);
  }

  #nextRecordedAt(): string {
    const now = checkMoment(toTimestamp(this.#clock.now()));
    return now > this.#recordedAt ? now : this.#recordedAt;
  }

  async readStream(stream: string, options: ReadStreamOptions = {}): Promise<readonly RecordedEvent[]> {
    this.#checkOpen();
    checkStream(stream);
    checkLimit(options.limit);
    const { from, limit, direction = 'forwards' } = options;
    const until = options.until === undefined ? undefined : checkMoment(options.until);
    const events = this.#streams.get(stream)?.events ?? [];
    const backwards = direction === 'backwards';
    const wanted = (backwards ? events.toReversed() : events).filter(
      ({ revision, recordedAt }) =>
        (from === undefined || (backwards ? revision <= from : revision >= from)) &&
        (until === undefined || recordedAt <= until),
    );
    return wanted.slice(0, limit).map(recorded);
  }

  async streamRevision(stream: string): Promise<bigint | null> {
    this.#checkOpen();
    checkStream(stream);
    return this.#streams.get(stream)?.revision ?? null;
  }

  async readAll(options: ReadAllOptions = {}): Promise<AllPage> {
    this.#checkOpen();
    const { after = BEGINNING, filter, limit = DEFAULT_LIMIT } = options;
    checkCount(after);
    checkFilter(filter);
    checkLimit(limit);
    const { events, upTo } = this.#look({ after, filter, limit });
    return { events, upTo };
  }

  #look({ after, filter, limit }: { after: Position; filter: EventFilter | undefined; limit: number }): Look {
    const events: Stored[] = [];
    let upTo = Math.max(this.#head, Number(after));
    let more = false;
    for (let index = indexAfter(this.#log, Number(after)); index < this.#log.length; index++) {
      const stored = this.#log[index] as Stored;
      if (!matches(stored, filter)) continue;
      events.push(stored);
      if (events.length < limit) continue;
      upTo = stored.position;
      more = upTo < this.#head;
      break;
    }
    return { events: events.map(recorded), upTo: String(upTo), more, behind: this.#head < Number(after) };
  }

  subscribe(options: SubscribeOptions): AsyncIterable<readonly SubscriptionItem[]> {
    this.#checkOpen();
    const { after = BEGINNING, filter, signal, bufferSize: limit = DEFAULT_LIMIT } = options;
    checkCount(after);
    checkFilter(filter);
    checkNewestOf(options.newestOf);
    checkLimit(limit);
    return follow({
      look: async (position) => this.#look({ after: position, filter, limit }),
      after,
      wakeups: this.#wakeups,
      signal: AbortSignal.any([signal, this.#closing.signal]),
      pollMs: POLL_MS,
    });
  }

  async headPosition(): Promise<Position> {
    this.#checkOpen();
    return String(this.#head);
  }

  comparePositions(a: Position, b: Position): -1 | 0 | 1 {
    return compareCounts(a, b);
  }

  async trim(category: string, before: string): Promise<number> {
    this.#checkOpen();
    checkCategory(category);
    const moment = checkMoment(before);
    return this.#remove((stored) => stored.category === category && stored.recordedAt < moment);
  }

  async erase(orgId: string): Promise<number> {
    this.#checkOpen();
    checkOrganisation(orgId);
    return this.#remove((stored) => stored.orgId === orgId);
  }

  #remove(unwanted: (stored: Stored) => boolean): number {
    const before = this.#log.length;
    const kept = (stored: Stored): boolean => !unwanted(stored);
    this.#log = this.#log.filter(kept);
    for (const stream of this.#streams.values()) stream.events = stream.events.filter(kept);
    return before - this.#log.length;
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted)
      throw new KeyfleetError('store.unavailable', { detail: 'The event store is closed.' });
  }
}

function storedAlready(
  stream: Stream,
  expected: bigint,
  events: readonly EncodedEvent[],
): Stored | undefined {
  const start = stream.events.findIndex(({ revision }) => revision === expected + 1n);
  if (start < 0) return undefined;
  const stored = stream.events.slice(start, start + events.length);
  return events.every(({ id }, index) => stored[index]?.id === id) ? stored.at(-1) : undefined;
}

function appendedAt({ revision, position }: Stored, idempotent: boolean): Appended {
  return { outcome: 'appended', revision, position: String(position), idempotent };
}
