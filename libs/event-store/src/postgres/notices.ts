import postgres, { type Sql } from 'postgres';
import { pause } from '../wakeups.js';
import { CONNECTION, type Link } from './link.js';
import type { OnStep } from './steps.js';

const CHANNEL = 'keyfleet_store';
/** Subscriptions do not look more often than this either. */
const BETWEEN_HINTS_MS = 10;

export interface NoticesOptions {
  readonly url: string;
  readonly name: string;
  readonly link: Link;
  readonly onStep: OnStep;
  /** Somebody appended, or may have while nobody listened. */
  readonly onNotice: () => void;
}

/**
 * Hints between processes. They are sent after the commit and in no transaction of an append: NOTIFY takes a lock of
 * the whole cluster until its commit, and a hint may be lost, because subscriptions poll.
 */
export class Notices {
  readonly #options: NoticesOptions;
  readonly #closing = new AbortController();
  #listener: Sql | undefined;
  #sending: Promise<void> | undefined;
  #due = false;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** From the first subscription on; a connection that is lost is made again for ever. */
  listen(): void {
    if (this.#listener) return;
    const { url, name, onNotice, onStep } = this.#options;
    this.#listener = postgres(url, {
      ...CONNECTION,
      max: 1,
      connection: { application_name: `${name} listen` },
    });
    const onListen = (): void => {
      onStep({ step: 'listening' });
      onNotice();
    };
    const onNotify = (): void => {
      onStep({ step: 'notified' });
      onNotice();
    };
    // The first attempt may fail like any later one, and is repeated like any later one.
    this.#listener.listen(CHANNEL, onNotify, onListen).catch(() => {});
  }

  /** A hint at most every few milliseconds: what is committed meanwhile is told by the next. */
  send(): void {
    this.#due = true;
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    while (this.#due) {
      this.#due = false;
      await this.#options.link.run((sql) => sql`select pg_notify(${CHANNEL}, '')`).catch(() => {});
      if (!this.#closing.signal.aborted) await pause(BETWEEN_HINTS_MS, this.#closing.signal);
    }
    this.#sending = undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sending;
    await this.#listener?.end({ timeout: 0 });
  }
}
