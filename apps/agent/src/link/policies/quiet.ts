import { fullJitter, type Pace } from '../pace.js';

/** A moment in which this agent keeps to itself what can wait, because many others were told the same as it. */
export class Quiet {
  readonly #pace: Pace;
  readonly #random: () => number;
  #until = 0;
  #waiting = false;

  constructor({ pace, random }: { readonly pace: Pace; readonly random: () => number }) {
    this.#pace = pace;
    this.#random = random;
  }

  /** It ends at a moment drawn from so long, in the link's time; one that is there already is not lengthened. */
  begin(withinMs: number): void {
    if (this.leftMs > 0) return;
    this.#until = performance.now() + this.#pace.real(fullJitter(withinMs, this.#random));
  }

  /** In the link's time; 0 where it is over. */
  get leftMs(): number {
    const real = this.#until - performance.now();
    return real > 0 ? real / this.#pace.real(1) : 0;
  }

  /** Once, afterwards; at once where there is none. */
  after(work: () => void, signal: AbortSignal): void {
    if (this.leftMs === 0) return work();
    if (this.#waiting) return;
    this.#waiting = true;
    void this.#pace.sleep(this.leftMs, signal).then((due) => {
      this.#waiting = false;
      if (due) work();
    });
  }
}
