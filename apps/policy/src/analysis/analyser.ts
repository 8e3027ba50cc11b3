import { Worker, type WorkerOptions } from 'node:worker_threads';
import { ConcurrencyLimit } from '@keyfleet/auth';
import { KeyfleetError } from '@keyfleet/kernel';
import type { Results, Task } from './tasks.js';
import type { READY, ThreadAnswer } from './worker.js';

export interface AnalyserOptions {
  /** So many more may wait for the one that is worked on; beyond it a caller is refused at once. */
  readonly waiting: number;
  /** Longer than that nothing is worked on; the start of the thread does not count. */
  readonly deadlineMs: number;
  readonly execArgv?: WorkerOptions['execArgv'];
}

export type Ask = <T extends Task>(task: T) => Promise<Results[T['kind']]>;

/** Enough for the largest set of policies; a policy that takes more is refused, and takes nothing else with it. */
const MEMORY_MB = 512;
const BUSY_RETRY_MS = 2_000;

/** The sources are run as they are in tests. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface Thread {
  readonly worker: Worker;
  /** Rejects where it ends before it has begun. */
  readonly ready: Promise<void>;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread of its own for what may take seconds, so that other commands are answered meanwhile. One piece of work at a
 * time, with a bound on how long and how large. Throws `rate.limited` where too many wait, `request.too-large` where a
 * bound is met.
 */
export class Analyser {
  readonly #options: AnalyserOptions;
  readonly #limit: ConcurrencyLimit;
  #thread: Thread | undefined;
  #pending: Pending | undefined;

  constructor(options: AnalyserOptions) {
    this.#options = options;
    const refuse = () =>
      new KeyfleetError('rate.limited', {
        detail: 'Other policies are being looked at; try again soon.',
        retryAfterMs: BUSY_RETRY_MS,
      });
    this.#limit = new ConcurrencyLimit({ running: 1, waiting: options.waiting, refuse });
  }

  /** Before there is anything to do, so that the first caller does not wait for it. */
  start(): void {
    this.#thread ??= this.#begin();
  }

  /** The thread is the caller's alone until `work` is done. */
  run<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.#limit.run(async () => {
      await (this.#thread ??= this.#begin()).ready;
      const { deadlineMs } = this.#options;
      let over: Error | undefined;
      const timer = setTimeout(() => {
        over = new KeyfleetError('request.too-large', {
          detail: `Looking at this takes longer than ${Math.round(deadlineMs / 1_000)} seconds.`,
        });
        void this.#abandon(over);
      }, deadlineMs);
      try {
        return await work((task) => (over ? Promise.reject(over) : this.#ask(task)));
      } finally {
        clearTimeout(timer);
      }
    });
  }

  close(): Promise<void> {
    return this.#abandon(new KeyfleetError('service.unavailable'));
  }

  #ask<T extends Task>(task: T): Promise<Results[T['kind']]> {
    const { worker } = (this.#thread ??= this.#begin());
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      worker.postMessage(task);
    });
  }

  #begin(): Thread {
    const worker = new Worker(WORKER, {
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
      ...(this.#options.execArgv && { execArgv: this.#options.execArgv }),
    });
    worker.unref();
    const ready = new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve());
      worker.once('error', reject);
      worker.once('exit', () => reject(new KeyfleetError('service.unavailable')));
    });
    // Whoever waits for it hears of it; nobody has to.
    ready.catch(() => undefined);
    worker.on('message', (answer: ThreadAnswer | typeof READY) => {
      if (typeof answer === 'string') return;
      const pending = this.#settle(worker);
      if (answer.ok) pending?.resolve(answer.result as never);
      else pending?.reject(new Error(answer.message));
    });
    worker.on('error', (error: Error & { readonly code?: string }) => {
      const memory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      const detail = 'Looking at this takes more memory than there is for it.';
      this.#lost(worker, memory ? new KeyfleetError('request.too-large', { detail }) : error);
    });
    worker.on('exit', () => this.#lost(worker, new KeyfleetError('service.unavailable')));
    return { worker, ready };
  }

  #settle(worker: Worker): Pending | undefined {
    if (worker !== this.#thread?.worker) return undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  /** The next task gets a new thread. */
  #lost(worker: Worker, error: Error): void {
    const pending = this.#settle(worker);
    if (worker === this.#thread?.worker) this.#thread = undefined;
    pending?.reject(error);
  }

  async #abandon(error: Error): Promise<void> {
    const worker = this.#thread?.worker;
    if (!worker) return;
    this.#lost(worker, error);
    await worker.terminate();
  }
}
