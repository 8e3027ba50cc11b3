import { hash as digest } from 'node:crypto';
import type { PolicyManifest } from '@keyfleet/contracts';

/** The bundle that came with the push of a manifest; undefined where it is not the one the manifest speaks of. */
export function enclosedBundle(
  base64: string,
  { hash, bytes }: Pick<PolicyManifest, 'hash' | 'bytes'>,
): Uint8Array | undefined {
  const bundle = Buffer.from(base64, 'base64');
  return bundle.byteLength === bytes && digest('sha256', bundle) === hash ? bundle : undefined;
}
