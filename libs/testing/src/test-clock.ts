import type { Clock } from '@keyfleet/kernel';

/** Time stands still until the test moves it. */
export class TestClock implements Clock {
  #now: number;
  #monotonic = 0;

  constructor(start: string | number = '2026-01-01T00:00:00.000Z') {
    this.#now = typeof start === 'number' ? start : Date.parse(start);
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** Both clocks go on, as they do in life. */
  advance(ms: number): void {
    if (ms < 0) throw new Error('Time passes forward; use jumpTo for a wall clock that was set.');
    this.#now += ms;
    this.#monotonic += ms;
  }

  /** Somebody set the wall clock; no time passed. */
  jumpTo(time: string | number): void {
    this.#now = typeof time === 'number' ? time : Date.parse(time);
  }
}
