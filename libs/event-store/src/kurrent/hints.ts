import { END, streamNameFilter } from '@kurrent/kurrentdb-client';
import { pause } from '../wakeups.js';
import type { Link } from './link.js';

const AFTER_LOSS_MS = 500;

/** A live subscription that only says that there is something new; what it is, and in which order, is read. */
export class Hints {
  readonly #link: Link;
  readonly #wake: () => void;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #current: { unsubscribe(): Promise<void> } | undefined;

  constructor(link: Link, wake: () => void) {
    this.#link = link;
    this.#wake = wake;
  }

  listen(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const filter = streamNameFilter({ regex: '^[a-z]+-' });
      const subscription = this.#link.client.subscribeToAll({ fromPosition: END, filter });
      this.#current = subscription;
      await new Promise<void>((resolve) => {
        subscription.on('data', this.#wake);
        subscription.once('error', () => resolve());
        subscription.once('close', () => resolve());
        subscription.once('end', () => resolve());
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      subscription.on('error', () => {});
      this.#wake();
      await pause(AFTER_LOSS_MS, signal);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#current?.unsubscribe().catch(() => {});
  }
}
