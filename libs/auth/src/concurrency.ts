export interface ConcurrencyLimitOptions {
  /** So many run at once. */
  readonly running: number;
  /** So many more may wait; beyond it a caller is refused at once. */
  readonly waiting: number;
  /** What a refused caller is told. */
  readonly refuse: () => Error;
}

/** Bounds work that is costly by purpose: a queue in front, and a refusal instead of a queue without end. */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyLimitOptions;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(options: ConcurrencyLimitOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#options.running) {
      this.#running += 1;
      return;
    }
    if (this.#queue.length >= this.#options.waiting) throw this.#options.refuse();
    await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  /** Whoever waits takes the place over, so that nobody who comes meanwhile can. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#running -= 1;
  }
}
