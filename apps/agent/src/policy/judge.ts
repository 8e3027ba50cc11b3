import { hash, type KeyObject } from 'node:crypto';
import {
  MAX_BUNDLE_BYTES,
  manifestSigningInput,
  type PolicyManifest,
  type PolicyPush,
  policyBundle,
  policyManifest,
  policyPush,
} from '@keyfleet/contracts';
import type { PolicyRejected } from '@keyfleet/contracts/events';
import { nkeyPublicKey, verifyNkeySignature } from '@keyfleet/crypto';
import { PolicySet } from '@keyfleet/policy-engine';
import { z } from 'zod';

export type Refusal = z.infer<typeof PolicyRejected.data>['code'];

/** Whom a manifest must be for, and whose word counts. */
export interface PolicyIdentity {
  readonly orgId: string;
  readonly agentId: string;
  readonly commandKeys: readonly string[];
}

/** Of any size: one that is too large is refused as such, by its version, and not as a text nobody understands. */
const manifestOfAnySize = policyManifest.extend({ bytes: z.int().min(1) });

const pushOfAnySize = policyPush.extend({ manifest: manifestOfAnySize });

/** Undefined where it is no push. */
export function readPush(given: unknown): PolicyPush | undefined {
  return pushOfAnySize.safeParse(given).data;
}

/** Undefined where it is no manifest at all. */
export function readManifest(given: unknown): PolicyManifest | undefined {
  return manifestOfAnySize.safeParse(given).data;
}

/** Whether it is for us, signed by a pinned key and of a size we take; nothing about its version. */
export function judgeManifest(manifest: PolicyManifest, identity: PolicyIdentity): Refusal | undefined {
  if (manifest.orgId !== identity.orgId || manifest.agentId !== identity.agentId) return 'foreign';
  if (!identity.commandKeys.includes(manifest.key) || !isSigned(manifest)) return 'signature';
  return manifest.bytes > MAX_BUNDLE_BYTES ? 'too-large' : undefined;
}

/** Judged when it comes and when it is applied: the same object has the same signature. */
const genuine = new WeakSet<PolicyManifest>();

function isSigned(manifest: PolicyManifest): boolean {
  if (genuine.has(manifest)) return true;
  try {
    const { key, signature } = manifest;
    if (!verifyNkeySignature(publicKeyOf(key), manifestSigningInput(manifest), signature)) return false;
    genuine.add(manifest);
    return true;
  } catch {
    return false;
  }
}

const keys = new Map<string, KeyObject>();

/** Only of pinned keys, so there are few; made once for all agents of a process. */
function publicKeyOf(nkey: string): KeyObject {
  let known = keys.get(nkey);
  if (known) return known;
  if (keys.size >= 64) keys.clear();
  keys.set(nkey, (known = nkeyPublicKey(nkey)));
  return known;
}

/** What a bundle comes to: a set to decide by, or null where it is empty and no policy holds. */
export type CompiledBundle = PolicySet | null;
export type ReadBundle =
  | { readonly refusal: Refusal }
  | { readonly refusal?: undefined; readonly compiled: CompiledBundle };

/** Makes a set of bytes that are what the manifest says. Throws what it likes where they are no bundle. */
export type Compile = (bytes: Uint8Array, manifest: PolicyManifest) => CompiledBundle;

class ForeignBundle extends Error {}

/** Parses and compiles; nothing of it is in force by that. */
export const compileBundle: Compile = (bytes, { orgId }) => {
  const bundle = policyBundle.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (bundle.orgId !== orgId) throw new ForeignBundle();
  return bundle.policies.length === 0 ? null : new PolicySet(bundle.policies);
};

/** Whether these are the bytes the manifest vouches for, and what they say. */
export function readBundle(bytes: Uint8Array, manifest: PolicyManifest, compile: Compile): ReadBundle {
  if (bytes.byteLength !== manifest.bytes || hash('sha256', bytes) !== manifest.hash)
    return { refusal: 'hash' };
  try {
    return { compiled: compile(bytes, manifest) };
  } catch (error) {
    return { refusal: error instanceof ForeignBundle ? 'foreign' : 'invalid' };
  }
}
