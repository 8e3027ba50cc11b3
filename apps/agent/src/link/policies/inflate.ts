import { hash as digest } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import type { PolicyManifest } from '@keyfleet/contracts';

/**
 * What came deflated with the push of a manifest; undefined where it is not the bundle the manifest speaks of. It never
 * grows beyond what was announced.
 */
export function inflateBundle(
  deflated: string,
  { hash, bytes }: Pick<PolicyManifest, 'hash' | 'bytes'>,
): Uint8Array | undefined {
  try {
    const bundle = inflateRawSync(Buffer.from(deflated, 'base64'), { maxOutputLength: bytes });
    return bundle.byteLength === bytes && digest('sha256', bundle) === hash ? bundle : undefined;
  } catch {
    return undefined;
  }
}
