import { type EncodedAppend, encodeAppend } from '../encode.js';
import { follow } from '../follow.js';
import {
  checkBatch,
  checkCategory,
  checkFilter,
  checkLimit,
  checkMoment,
  checkOrganisation,
  checkStream,
} from '../input.js';
import type {
  AllPage,
  AppendResult,
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
import { unavailable } from '../postgres/failures.js';
import { Wakeups } from '../wakeups.js';
import { Appender } from './appender.js';
import { Hints } from './hints.js';
import { Link } from './link.js';
import type { KurrentEventStoreOptions } from './options.js';
import { Reader } from './reader.js';
import { Retention } from './retention.js';
import { Rules } from './rules.js';

const DEFAULT_LIMIT = 1_000;

/** Events in KurrentDB, one stream there for each of ours. */
export class KurrentEventStore implements EventStore {
  readonly #wakeups = new Wakeups();
  readonly #closing = new AbortController();
  readonly #link: Link;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #retention: Retention;
  readonly #hints: Hints;
  readonly #pollMs: number;

  constructor(options: KurrentEventStoreOptions) {
    const { url, name = 'keyfleet store', onStep = () => {}, pollMs = 1_000, deadlineMs = 10_000 } = options;
    this.#link = new Link({ url, name, deadlineMs, onStep });
    const rules = new Rules(this.#link);
    this.#reader = new Reader(this.#link, rules);
    this.#appender = new Appender(this.#link, this.#reader);
    this.#retention = new Retention(this.#link, this.#reader, rules);
    this.#hints = new Hints(this.#link, () => this.#wakeups.wake());
    this.#pollMs = pollMs;
  }

  async append(
    stream: string,
    expectedRevision: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<AppendResult> {
    this.#checkOpen();
    return this.#write(encodeAppend({ stream, expectedRevision, events }));
  }

  async appendBatch(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    this.#checkOpen();
    checkBatch(appends);
    return Promise.all(appends.map(encodeAppend).map((append) => this.#write(append)));
  }

  async #write(append: EncodedAppend): Promise<AppendResult> {
    const result = await this.#appender.append(append);
    if (result.outcome === 'appended') this.#wakeups.wake();
    return result;
  }

  async readStream(stream: string, options: ReadStreamOptions = {}): Promise<readonly RecordedEvent[]> {
    this.#checkOpen();
    checkStream(stream);
    checkLimit(options.limit);
    const until = options.until === undefined ? undefined : checkMoment(options.until);
    return (await this.#reader.stream(stream, { ...options, until })).map(({ event }) => event);
  }

  async streamRevision(stream: string): Promise<bigint | null> {
    this.#checkOpen();
    checkStream(stream);
    return this.#reader.revision(stream);
  }

  async readAll(options: ReadAllOptions = {}): Promise<AllPage> {
    this.#checkOpen();
    const { after = BEGINNING, filter, limit = DEFAULT_LIMIT } = options;
    checkCount(after);
    checkFilter(filter);
    checkLimit(limit);
    const events: RecordedEvent[] = [];
    for (let upTo = after; ; ) {
      const look = await this.#reader.look({ after: upTo, filter, limit: limit - events.length });
      events.push(...look.events);
      upTo = look.upTo;
      if (events.length === limit || !look.more) return { events, upTo };
    }
  }

  subscribe(options: SubscribeOptions): AsyncIterable<readonly SubscriptionItem[]> {
    this.#checkOpen();
    const { after = BEGINNING, filter, signal, bufferSize: limit = DEFAULT_LIMIT } = options;
    checkCount(after);
    checkFilter(filter);
    checkLimit(limit);
    this.#hints.listen();
    return follow({
      look: (position) => this.#reader.look({ after: position, filter, limit }),
      after,
      wakeups: this.#wakeups,
      signal: AbortSignal.any([signal, this.#closing.signal]),
      pollMs: this.#pollMs,
    });
  }

  async headPosition(): Promise<Position> {
    this.#checkOpen();
    return this.#reader.head();
  }

  comparePositions(a: Position, b: Position): -1 | 0 | 1 {
    return compareCounts(a, b);
  }

  async trim(category: string, before: string): Promise<number> {
    this.#checkOpen();
    checkCategory(category);
    return this.#retention.trim(category, checkMoment(before));
  }

  async erase(orgId: string): Promise<number> {
    this.#checkOpen();
    checkOrganisation(orgId);
    return this.#retention.erase(orgId);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#appender.drain();
    await this.#hints.close();
    await this.#link.close();
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw unavailable('The event store is closed.');
  }
}
