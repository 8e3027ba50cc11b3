import type { Caller } from '../access/caller.js';
import type { AuditLine } from './entry.js';

/** Lines strangers may fill at once, and how many more with every minute. */
const BURST = 300;
const A_MINUTE = 2;
const MINUTE_MS = 60_000;

/** Whoever brings no credential that this agent knows. */
export function isStranger({ credential }: Pick<Caller, 'credential'>): boolean {
  return credential !== 'known';
}

/**
 * How much of the audit trail strangers may fill. Without a limit whoever reaches the port could have so many lines
 * written that the number kept leaves no line of anybody else. At this pace a year of nothing but strangers, and a line
 * each minute about those left out, is less than what is kept by default.
 */
export class StrangerLines {
  #free = BURST;
  #at: number | undefined;
  #leftOut = 0;
  #toldIn = '';

  /** Whether there is room for one more line, `now` in milliseconds of a clock that only goes forward. */
  admits(now: number): boolean {
    this.#free = Math.min(BURST, this.#free + ((now - (this.#at ?? now)) / MINUTE_MS) * A_MINUTE);
    this.#at = now;
    if (this.#free >= 1) {
      this.#free -= 1;
      return true;
    }
    this.leaveOut();
    return false;
  }

  leaveOut(count = 1): void {
    this.#leftOut += count;
  }

  /** How many lines were left out since it was last told; 0 where that was in this minute, unless it is the `last` time. */
  takeLeftOut(minute: string, last: boolean): number {
    if (this.#leftOut === 0 || (minute === this.#toldIn && !last)) return 0;
    const count = this.#leftOut;
    this.#leftOut = 0;
    this.#toldIn = minute;
    return count;
  }

  /** Takes back what could not be told. */
  untold(count: number): void {
    this.leaveOut(count);
    this.#toldIn = '';
  }
}

/** The line that stands for so many others. */
export function leftOutLine(leftOut: number, at: string): AuditLine {
  return {
    ...{ at, action: 'audit', path: null, version: null, principal: 'anonymous', method: 'none' },
    ...{ address: null, client: null, outcome: 'denied', code: 'auth.required', traceId: '0'.repeat(32) },
    leftOut,
  };
}
