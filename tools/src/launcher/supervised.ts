import type { Exit } from '@keyfleet/embedded';
import { describeExit } from '@keyfleet/embedded';

/** Something that runs as a process of its own. */
export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stop(): Promise<unknown>;
  kill(): Promise<unknown>;
}

export type SupervisedEvent =
  | { readonly kind: 'started'; readonly name: string; readonly pid: number }
  | { readonly kind: 'ended'; readonly name: string; readonly reason: string; readonly againInMs?: number }
  | { readonly kind: 'failed'; readonly name: string; readonly reason: string; readonly againInMs: number };

export interface SupervisedOptions<R extends Running> {
  readonly name: string;
  /** Resolves once it is ready. */
  readonly launch: () => Promise<R>;
  /** Whether it is brought back when it ends by itself. */
  readonly restart: boolean;
  readonly onEvent?: (event: SupervisedEvent) => void;
  /** Pause before the first restart; it doubles up to `longestPauseMs` and begins anew after so long a life that it was no failing start. */
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

const STABLE_MS = 3_000;

/** Keeps one process running: restarts it with back-off when it dies, and leaves it alone once it was told to stop. */
export class Supervised<R extends Running = Running> {
  readonly name: string;
  readonly #options: SupervisedOptions<R>;
  #running: R | undefined;
  #starting: Promise<R> | undefined;
  #stopped = true;
  #pause: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisedOptions<R>) {
    this.name = options.name;
    this.#options = options;
    this.#pause = this.#firstPause;
  }

  /** Undefined while it does not run. */
  get current(): R | undefined {
    return this.#running;
  }

  /** Resolves once it is ready; the first start is not repeated when it fails. */
  async start(): Promise<R> {
    if (this.#running) return this.#running;
    this.#stopped = false;
    this.#starting ??= this.#launch().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async stop(): Promise<void> {
    await this.#end((running) => running.stop());
  }

  async kill(): Promise<void> {
    await this.#end((running) => running.kill());
  }

  async #end(how: (running: R) => Promise<unknown>): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#starting?.catch(() => undefined);
    const running = this.#running;
    this.#running = undefined;
    if (running) await how(running);
  }

  async #launch(): Promise<R> {
    const running = await this.#options.launch();
    if (this.#stopped) {
      await running.stop();
      throw new Error(`${this.name} was stopped while it started.`);
    }
    this.#running = running;
    this.#options.onEvent?.({ kind: 'started', name: this.name, pid: running.pid });
    const started = performance.now();
    void running.exited.then((exit) => this.#ended(running, exit, performance.now() - started));
    return running;
  }

  #ended(running: R, exit: Exit, livedMs: number): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    if (this.#stopped) return;
    if (livedMs > STABLE_MS) this.#pause = this.#firstPause;
    const againInMs = this.#options.restart ? this.#pause : undefined;
    this.#options.onEvent?.({ kind: 'ended', name: this.name, reason: describeExit(exit), againInMs });
    if (againInMs !== undefined) this.#again(againInMs);
  }

  #again(pause: number): void {
    this.#pause = Math.min(this.#pause * 2, this.#options.longestPauseMs ?? 15_000);
    this.#timer = setTimeout(() => {
      this.start().catch((error: unknown) => this.#failed(error));
    }, pause);
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    const againInMs = this.#pause;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.onEvent?.({ kind: 'failed', name: this.name, reason, againInMs });
    this.#again(againInMs);
  }

  get #firstPause(): number {
    return this.#options.firstPauseMs ?? 500;
  }
}
