import { KeyfleetError } from '@keyfleet/kernel';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { unavailable } from '../postgres/failures.js';
import type { OnStep } from '../postgres/steps.js';
import { pause } from '../wakeups.js';
import { isPassing, typeOf } from './failures.js';

export interface LinkOptions {
  readonly url: string;
  readonly name: string;
  readonly deadlineMs: number;
  readonly onStep: OnStep;
}

const CLOSES_WITHIN_MS = 5_000;

/** The connection to the server; what fails by the server's absence is `store.unavailable`. */
export class Link {
  readonly #options: LinkOptions;
  readonly #underWay = new Set<Promise<unknown>>();
  #client: KurrentDBClient;
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#client = open(options);
  }

  get client(): KurrentDBClient {
    return this.#client;
  }

  async run<T>(work: (client: KurrentDBClient) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw unavailable('The event store is closed.');
    const client = this.#client;
    const { deadlineMs, onStep, name } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#replace(client);
        reject(unavailable());
      }, deadlineMs);
    });
    try {
      return await Promise.race([this.#track(work(client)), late]);
    } catch (error) {
      if (error instanceof KeyfleetError) throw error;
      onStep({ step: 'failed', link: name, code: typeOf(error) });
      if (!isPassing(error)) throw error;
      this.#replace(client);
      throw unavailable();
    } finally {
      clearTimeout(timer);
    }
  }

  #track<T>(call: Promise<T>): Promise<T> {
    this.#underWay.add(call);
    const over = (): boolean => this.#underWay.delete(call);
    call.then(over, over);
    return call;
  }

  /** The client keeps a channel to a node that hangs, or that is the leader no more. */
  #replace(client: KurrentDBClient): void {
    if (this.#client !== client) return;
    this.#client = open(this.#options);
    void client.dispose().catch(() => {});
  }

  /** The client reads on threads of its own, which a process must not end under: they are waited for, in bounds. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const over = new AbortController();
    await Promise.race([Promise.allSettled(this.#underWay), pause(CLOSES_WITHIN_MS, over.signal)]);
    over.abort();
    await this.#client.dispose().catch(() => {});
  }
}

function open({ url, name }: LinkOptions): KurrentDBClient {
  const named = /[?&]connectionName=/i.test(url)
    ? url
    : `${url}${url.includes('?') ? '&' : '?'}connectionName=${encodeURIComponent(name)}`;
  return KurrentDBClient.connectionString(named);
}
