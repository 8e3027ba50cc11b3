/** Something that happens again and again; a waiter never misses what came since he last looked. */
export class Signal {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  /** To be read before looking at the thing itself. */
  get count(): number {
    return this.#count;
  }

  set(): void {
    this.#count += 1;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves once it was set after `count` was read, and when the signal aborts. */
  after(count: number, signal: AbortSignal): Promise<void> {
    if (this.#count !== count || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
