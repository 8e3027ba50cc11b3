export interface SamplerOptions<T> {
  readonly take: () => Promise<T>;
  /** A sample that takes longer is none: a page of metrics must not hang with the database it tells of. Default 800 ms. */
  readonly timeoutMs?: number;
  /** Gauges read within so long share one sample. Default 1,000 ms. */
  readonly freshMs?: number;
}

/** Asks something outside the process for the gauges of one page: once, bounded in time, and never twice at a time. */
export class Sampler<T> {
  readonly #options: SamplerOptions<T>;
  #running: Promise<T | undefined> | undefined;
  #last: { readonly at: number; readonly sample: Promise<T | undefined> } | undefined;

  constructor(options: SamplerOptions<T>) {
    this.#options = options;
  }

  /** Undefined where it cannot be had now; then the gauge shows nothing rather than something old. */
  sample(): Promise<T | undefined> {
    const { freshMs = 1_000 } = this.#options;
    const now = performance.now();
    if (!this.#last || now - this.#last.at > freshMs) this.#last = { at: now, sample: this.#bounded() };
    return this.#last.sample;
  }

  async #bounded(): Promise<T | undefined> {
    const { take, timeoutMs = 800 } = this.#options;
    this.#running ??= take()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
      });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs);
    });
    return Promise.race([this.#running, late]).finally(() => clearTimeout(timer));
  }
}
