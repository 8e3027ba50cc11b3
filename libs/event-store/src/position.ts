import type { Position } from './port.js';

/** Before the first event, for stores that count their events from 1. */
export const BEGINNING: Position = '0';

const COUNT = /^(?:0|[1-9]\d{0,18})$/;

/** Whether it has the form of a position of a store that counts its events. */
export function isCount(position: unknown): position is Position {
  return typeof position === 'string' && COUNT.test(position);
}

/** TypeError for anything that a counting store did not give out. */
export function checkCount(position: Position): void {
  if (!isCount(position)) throw new TypeError('This position is not from this event store.');
}

/** Counts without leading zeros: the longer is the larger, and equal lengths compare as text. */
export function compareCounts(a: Position, b: Position): -1 | 0 | 1 {
  checkCount(a);
  checkCount(b);
  if (a === b) return 0;
  if (a.length !== b.length) return a.length < b.length ? -1 : 1;
  return a < b ? -1 : 1;
}

export function laterCount(a: Position, b: Position): Position {
  return compareCounts(a, b) < 0 ? b : a;
}
