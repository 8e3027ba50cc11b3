import { randomFillSync } from 'node:crypto';

/**
 * A zeroed buffer for a key or a value. It lies outside the JavaScript heap at any size (`Buffer.alloc` puts up to 64
 * bytes on it), so the collector never moves it and `fill(0)` leaves no older copy behind.
 */
export function wipeableBuffer(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

/** The same, filled from the operating system's random source. */
export function randomSecret(bytes: number): Buffer {
  return randomFillSync(wipeableBuffer(bytes));
}
