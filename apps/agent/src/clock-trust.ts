import { type Clock, toTimestamp } from '@keyfleet/kernel';

const DAY = 24 * 3_600_000;
/** Wall and monotonic clock come apart by less than this where a machine sleeps over night. */
const JUMP_MS = DAY;
const WEEK_MS = 7 * DAY;
/** Where to look for days that vouch for the clock, and how many it takes. */
const WITNESS_MS = 14 * DAY;
const WITNESSES = 7;

export interface ClockTrustOptions {
  readonly clock: Clock;
  /** On how many days from `from` until before `to` (RFC 3339) this agent was asked for something. */
  readonly daysSeen: (from: string, to: string) => Promise<number>;
}

/**
 * Whether the wall clock may decide what is thrown away for good. A machine may start with a wrong one, or have it set
 * wrong for an hour, and both look as if everything kept had grown old meanwhile. So the clock is believed after a week
 * without a jump; or sooner where the agent was asked for something on most of the days that it says are just over, and
 * the clock did not jump within the last day.
 */
export class ClockTrust {
  readonly #options: ClockTrustOptions;
  #last: { readonly wall: number; readonly monotonic: number };
  #steadySince: number;
  #jumped = false;

  constructor(options: ClockTrustOptions) {
    this.#options = options;
    this.#last = { wall: options.clock.now(), monotonic: options.clock.monotonic() };
    this.#steadySince = this.#last.monotonic;
  }

  /** Asked at regular intervals, far shorter than a day. Of days further back than `keptDays` nothing may be known. */
  async isTrusted(keptDays: number): Promise<boolean> {
    const steadyMs = this.#look();
    if (steadyMs >= WEEK_MS) return true;
    if (this.#jumped && steadyMs < DAY) return false;
    const today = Math.floor(this.#last.wall / DAY) * DAY;
    const seen = await this.#options.daysSeen(toTimestamp(today - WITNESS_MS), toTimestamp(today));
    return seen >= Math.min(WITNESSES, keptDays);
  }

  /** For how long the clock has not jumped, in milliseconds. */
  #look(): number {
    const { clock } = this.#options;
    const [wall, monotonic] = [clock.now(), clock.monotonic()];
    const apart = wall - this.#last.wall - (monotonic - this.#last.monotonic);
    if (Math.abs(apart) > JUMP_MS) {
      this.#jumped = true;
      this.#steadySince = monotonic;
    }
    this.#last = { wall, monotonic };
    return monotonic - this.#steadySince;
  }
}
