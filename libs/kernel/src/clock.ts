/** Time as an argument: injected everywhere, so that tests own it. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump. */
  now(): number;
  /** Milliseconds that only ever grow; its zero means nothing. */
  monotonic(): number;
}

/** RFC 3339 UTC with milliseconds, the only form times take outside the process. */
export function toTimestamp(epochMillis: number): string {
  return new Date(epochMillis).toISOString();
}
