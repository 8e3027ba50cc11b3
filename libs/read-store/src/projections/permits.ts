import { pause } from './pause.js';

const LOOK_MS = 50;

/** So many may do something at once; the others wait in line. */
export class Permits {
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves with the function that gives the permit back; without one where the signal ended the wait. */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    while (this.#free === 0 && !signal.aborted) await pause(LOOK_MS, signal);
    if (signal.aborted) return undefined;
    this.#free -= 1;
    let given = false;
    return () => {
      if (!given) this.#free += 1;
      given = true;
    };
  }
}
