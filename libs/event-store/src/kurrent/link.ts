import { KeyfleetError } from '@keyfleet/kernel';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import { unavailable } from '../postgres/failures.js';
import type { OnStep } from '../postgres/steps.js';
import { isPassing, typeOf } from './failures.js';

export interface LinkOptions {
  readonly url: string;
  readonly name: string;
  readonly deadlineMs: number;
  readonly onStep: OnStep;
}

/** The connection to the server; what fails by the server's absence is `store.unavailable`. */
export class Link {
  readonly #options: LinkOptions;
  #client: KurrentDBClient;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#client = open(options);
  }

  get client(): KurrentDBClient {
    return this.#client;
  }

  async run<T>(work: (client: KurrentDBClient) => Promise<T>): Promise<T> {
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
      return await Promise.race([work(client), late]);
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

  /** The client keeps a channel to a node that hangs, or that is the leader no more. */
  #replace(client: KurrentDBClient): void {
    if (this.#client !== client) return;
    this.#client = open(this.#options);
    void client.dispose().catch(() => {});
  }

  async close(): Promise<void> {
    await this.#client.dispose().catch(() => {});
  }
}

function open({ url, name }: LinkOptions): KurrentDBClient {
  const named = /[?&]connectionName=/i.test(url)
    ? url
    : `${url}${url.includes('?') ? '&' : '?'}connectionName=${encodeURIComponent(name)}`;
  return KurrentDBClient.connectionString(named);
}
