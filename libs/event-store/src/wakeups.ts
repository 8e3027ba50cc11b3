interface Waiting {
  /** The `version` seen before looking; a change since then means there may be something already. */
  readonly since: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Tells subscriptions that there may be something new. A lost call costs a poll, never an event. */
export class Wakeups {
  #version = 0;
  readonly #waiting = new Set<() => void>();

  get version(): number {
    return this.#version;
  }

  wake(): void {
    this.#version += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  /** Resolves at a wake-up since the version, after the time, or at the end of the signal. */
  wait({ since, timeoutMs, signal }: Waiting): Promise<void> {
    if (this.#version !== since || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', resume);
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = setTimeout(resume, timeoutMs);
      signal.addEventListener('abort', resume, { once: true });
      this.#waiting.add(resume);
    });
  }
}

/** A pause that the signal cuts short; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Wakeups().wait({ since: 0, timeoutMs: ms, signal });
}
