import { createHash } from 'node:crypto';
import { MAX_BUNDLE_BYTES, type PolicyBundle } from '@keyfleet/contracts';
import { canonicalJson } from '@keyfleet/crypto';
import type { PolicyRef } from '@keyfleet/policy/read-model';
import { LRUCache } from 'lru-cache';
import type { KnownPolicy } from './policy-book.js';

export interface Bundle {
  readonly policies: readonly PolicyRef[];
  readonly hash: string;
  readonly bytes: Buffer;
}

const CACHE_BYTES = 64 * 1024 * 1024;
/** As the schema of bundles says. */
const MAX_POLICIES = 500;

/** Makes bundles, each once: a version of a policy never changes, so its hash stands for what is in it. */
export class BundleMaker {
  readonly #made = new LRUCache<string, Bundle>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ bytes }) => bytes.byteLength + 1_000,
  });

  /** `null` where it would be larger than agents take. */
  make(orgId: string, refs: readonly PolicyRef[], policies: ReadonlyMap<string, KnownPolicy>): Bundle | null {
    if (refs.length > MAX_POLICIES) return null;
    const versions = refs.map((ref) => versionOf(ref, policies));
    const key = [
      orgId,
      ...refs.map(({ policyId, version }, at) => `${policyId}@${version}#${versions[at]?.hash}`),
    ];
    const known = this.#made.get(key.join(' '));
    if (known) return known;
    const bundle: PolicyBundle = {
      v: 1,
      orgId,
      policies: refs.map(({ policyId, version }, at) => ({
        ...{ policyId, version },
        statements: versions[at]?.document.statements ?? [],
      })),
    };
    const bytes = Buffer.from(canonicalJson(bundle));
    if (bytes.byteLength > MAX_BUNDLE_BYTES) return null;
    const hash = createHash('sha256').update(bytes).digest('hex');
    const made = { policies: refs, hash, bytes };
    this.#made.set(key.join(' '), made);
    return made;
  }
}

function versionOf({ policyId, version }: PolicyRef, policies: ReadonlyMap<string, KnownPolicy>) {
  const state = policies.get(policyId)?.state;
  const found = state && state.status !== 'unknown' ? state.versions[version - 1] : undefined;
  if (!found) throw new Error(`${policyId} has no version ${version}.`);
  return found;
}
