import { createHash } from 'node:crypto';
import type { Id, IdPrefix } from '@keyfleet/kernel';
import { v7 } from 'uuid';

/** A fresh identifier; ids made later sort later. */
export function newId<P extends IdPrefix>(prefix: P): Id<P> {
  return `${prefix}_${v7()}`;
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
