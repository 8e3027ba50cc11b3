/** Live: what just happened. Backlog: an agent with more to send than fits a batch. */
export type Traffic = 'live' | 'backlog';

export interface AdmissionLimits {
  /** Batches worked on at one time. */
  readonly active: number;
  /** Of these, at most so many from backlogs. */
  readonly activeBacklog: number;
  /** Batches waiting for their turn, by kind. */
  readonly waiting: Readonly<Record<Traffic, number>>;
}

export const DEFAULT_ADMISSION: AdmissionLimits = {
  active: 64,
  activeBacklog: 32,
  waiting: { live: 2_048, backlog: 128 },
};

/** Asked to come again after about so long, spread over half of it on both sides. */
const RETRY_MS: Readonly<Record<Traffic, number>> = { live: 500, backlog: 2_000 };

/** A bounded number of batches at a time, live agents before backlogs; beyond that, a time to come again. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #random: () => number;
  readonly #waiting: Record<Traffic, (() => void)[]> = { live: [], backlog: [] };
  readonly #active: Record<Traffic, number> = { live: 0, backlog: 0 };

  constructor(limits: AdmissionLimits = DEFAULT_ADMISSION, random: () => number = Math.random) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Resolves with the way to give the place back, or at once with how long to stay away. */
  enter(traffic: Traffic): Promise<() => void> | { readonly retryAfterMs: number } {
    if (this.#mayStart(traffic)) return Promise.resolve(this.#start(traffic));
    const queue = this.#waiting[traffic];
    if (queue.length >= this.#limits.waiting[traffic]) return { retryAfterMs: this.retryAfterMs(traffic) };
    return new Promise((resolve) => {
      queue.push(() => resolve(this.#start(traffic)));
    });
  }

  /** True where nothing more of any kind could even wait: then a message is not worth reading. */
  get full(): boolean {
    const { waiting } = this.#limits;
    return this.#waiting.live.length >= waiting.live && this.#waiting.backlog.length >= waiting.backlog;
  }

  /** For metrics. */
  load(traffic: Traffic): { readonly active: number; readonly waiting: number } {
    return { active: this.#active[traffic], waiting: this.#waiting[traffic].length };
  }

  retryAfterMs(traffic: Traffic): number {
    return Math.ceil(RETRY_MS[traffic] * (0.5 + this.#random()));
  }

  #mayStart(traffic: Traffic): boolean {
    const { live, backlog } = this.#active;
    if (live + backlog >= this.#limits.active) return false;
    return traffic === 'live' || backlog < this.#limits.activeBacklog;
  }

  #start(traffic: Traffic): () => void {
    this.#active[traffic] += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#active[traffic] -= 1;
      this.#next();
    };
  }

  #next(): void {
    for (const traffic of ['live', 'backlog'] as const)
      while (this.#waiting[traffic].length > 0 && this.#mayStart(traffic)) this.#waiting[traffic].shift()?.();
  }
}
