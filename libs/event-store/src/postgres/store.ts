import { encodeAppend } from '../encode.js';
import { follow } from '../follow.js';
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
import { Wakeups } from '../wakeups.js';
import { Appender, LANES } from './appender.js';
import { unavailable } from './failures.js';
import { Link } from './link.js';
import { Notices } from './notices.js';
import type { PostgresEventStoreOptions } from './options.js';
import { Reader } from './reader.js';
import { Retention } from './retention.js';

const DEFAULT_LIMIT = 1_000;
const STATEMENT_TIMEOUT_MS = { write: 10_000, read: 20_000 };
/** Beyond the server's own timeout: it did not even say that. */
const GRACE_MS = 5_000;

/** Events in PostgreSQL, in schema `store`. */
export class PostgresEventStore implements EventStore {
  readonly #wakeups = new Wakeups();
  readonly #closing = new AbortController();
  readonly #links: readonly Link[];
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #retention: Retention;
  readonly #notices: Notices;
  readonly #pollMs: number;

  constructor(options: PostgresEventStoreOptions) {
    const { url, name = 'keyfleet store', onStep = () => {}, pollMs = 1_000 } = options;
    const link = (kind: 'write' | 'read', connections: number): Link =>
      new Link({
        url,
        name: `${name} ${kind}`,
        connections,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS[kind],
        deadlineMs: STATEMENT_TIMEOUT_MS[kind] + GRACE_MS,
        onStep,
      });
    const [writes, reads] = [link('write', LANES), link('read', options.readConnections ?? 4)];
    const wake = (): void => this.#wakeups.wake();
    this.#links = [writes, reads];
    this.#pollMs = pollMs;
    this.#reader = new Reader(reads);
    this.#retention = new Retention(reads);
    this.#notices = new Notices({
      url: options.listenUrl ?? url,
      name,
      link: reads,
      onStep,
      onNotice: wake,
    });
    this.#appender = new Appender({
      link: writes,
      onStep,
      maxWaitingBytes: options.maxWaitingBytes ?? 64 * 1024 * 1024,
      onCommit: () => {
        wake();
        this.#notices.send();
      },
    });
  }

  async append(
    stream: string,
    expectedRevision: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<AppendResult> {
    this.#checkOpen();
    return this.#appender.append(encodeAppend({ stream, expectedRevision, events }));
  }

  async appendBatch(appends: readonly StreamAppend[]): Promise<readonly AppendResult[]> {
    this.#checkOpen();
    checkBatch(appends);
    return Promise.all(appends.map(encodeAppend).map((append) => this.#appender.append(append)));
  }

  async readStream(stream: string, options: ReadStreamOptions = {}): Promise<readonly RecordedEvent[]> {
    this.#checkOpen();
    checkStream(stream);
    checkLimit(options.limit);
    const until = options.until === undefined ? undefined : checkMoment(options.until);
    return this.#reader.stream(stream, { ...options, until });
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
    const { after = BEGINNING, filter, newestOf, signal, bufferSize: limit = DEFAULT_LIMIT } = options;
    checkCount(after);
    checkFilter(filter);
    checkNewestOf(newestOf);
    checkLimit(limit);
    this.#notices.listen();
    return follow({
      look: (position) => this.#reader.look({ after: position, filter, newestOf, limit }),
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
    return this.#retention.erase(orgId, await this.#reader.head());
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#appender.drain();
    await this.#notices.close();
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw unavailable('The event store is closed.');
  }
}
