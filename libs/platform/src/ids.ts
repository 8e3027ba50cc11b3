import { createHash, randomFillSync } from 'node:crypto';
import type { Id, IdPrefix } from '@keyfleet/kernel';
import { v7 } from 'uuid';

const RANDOM_BYTES = 16;
/** Asking for a little randomness costs as much as asking for much. */
const pool = new Uint8Array(256 * RANDOM_BYTES);
let used = pool.length;
let lastMs = 0;
let seq = 0;

/** A fresh identifier (UUIDv7); ids made later in one process sort later, also within a millisecond. */
export function newId<P extends IdPrefix>(prefix: P): Id<P> {
  const random = nextRandom();
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    seq = firstOf(random);
  } else {
    // A clock put back does not put ids back.
    seq = (seq + 1) >>> 0;
    if (seq === 0) lastMs += 1;
  }
  return `${prefix}_${v7({ random, msecs: lastMs, seq })}`;
}

/** No place of the pool is handed out twice. */
function nextRandom(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += RANDOM_BYTES;
  return pool.subarray(used - RANDOM_BYTES, used);
}

/** Random, with room above it: the upper bit is clear. */
function firstOf([a = 0, b = 0, c = 0, d = 0]: Uint8Array): number {
  return (((a & 0x7f) << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** The same parts always give the same identifier (UUIDv8 over SHA-256); parts are length-prefixed, so none can pose as two. */
export function deriveId<P extends IdPrefix>(prefix: P, ...parts: readonly string[]): Id<P> {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${prefix}_${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
