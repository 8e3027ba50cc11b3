import { z } from 'zod';
import { nkeySignature } from './journal.js';
import { id, nkeyPublic, sha256, timestamp } from './names.js';
import { POLICY_LIMITS, policyStatement } from './policy-document.js';

/** A bundle is fetched in pieces of so many bytes. */
export const BUNDLE_CHUNK_BYTES = 128 * 1024;
/** Larger ones are neither made nor taken. */
export const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;

/** As it was signed: what may be written has become less since the first policies were published. */
const signedStatement = policyStatement.extend({
  condition: z.string().trim().min(1).max(POLICY_LIMITS.conditionLength).optional(),
});

/**
 * The united statements of all policies that hold for an agent. Its name is the SHA-256 of its bytes, which are the
 * canonical JSON (RFC 8785) of this; policies stand in the order of their ids. Agents with the same content share it.
 */
export const policyBundle = z.strictObject({
  v: z.literal(1),
  orgId: id('org'),
  policies: z
    .array(
      z.strictObject({
        policyId: id('pol'),
        version: z.int().min(1),
        statements: z.array(signedStatement).min(1),
      }),
    )
    .max(500),
});
export type PolicyBundle = z.infer<typeof policyBundle>;

/** Says which bundle one agent is to decide by. Versions of an agent only rise; `key` is one of its pinned command keys. */
export const policyManifest = z.strictObject({
  v: z.literal(1),
  orgId: id('org'),
  agentId: id('agt'),
  version: z.int().min(1),
  hash: sha256,
  /** Of the bundle. */
  bytes: z.int().min(1).max(MAX_BUNDLE_BYTES),
  issuedAt: timestamp,
  key: nkeyPublic,
  signature: nkeySignature,
});
export type PolicyManifest = z.infer<typeof policyManifest>;

/** One line each, as the authority signs them under the purpose `keyfleet.manifest.v1`. */
export function manifestLines(manifest: Omit<PolicyManifest, 'v' | 'key' | 'signature'>): string[] {
  const { orgId, agentId, version, hash, bytes, issuedAt } = manifest;
  return [orgId, agentId, String(version), hash, String(bytes), issuedAt];
}

export function manifestSigningInput(manifest: Omit<PolicyManifest, 'v' | 'key' | 'signature'>): string {
  return ['keyfleet.manifest.v1', ...manifestLines(manifest)].join('\n');
}

/** A bundle of at most so many bytes comes with the push; a larger one is fetched. */
export const MAX_PUSHED_BUNDLE_BYTES = 8 * 1024;
/** In no wider a window are agents asked to report. */
export const MAX_REPORT_WITHIN_MS = 30_000;

/** Pushed on an agent's `cmd` subject. It vouches for itself and may come twice, so it is no command with an end. */
export const policyPush = z.strictObject({
  v: z.literal(1),
  manifest: policyManifest,
  /** The bundle itself, where it is small. One that is not what the manifest says counts as not given. */
  bundle: z
    .base64()
    .max(4 * Math.ceil(MAX_PUSHED_BUNDLE_BYTES / 3))
    .optional(),
  /** Applied at once; told at a moment drawn from a window of so many milliseconds, because many were pushed to. */
  reportWithinMs: z.int().min(1).max(MAX_REPORT_WITHIN_MS).optional(),
});
export type PolicyPush = z.infer<typeof policyPush>;

/** Asked by agents on `rpc.policy`: after each connect which bundle holds, then for the pieces of one they lack. */
export const rpcPolicyRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    v: z.literal(1),
    kind: z.literal('manifest'),
    /** What it decides by; 0 where there is none. */
    have: z.int().min(0),
  }),
  z.strictObject({ v: z.literal(1), kind: z.literal('bundle'), hash: sha256, offset: z.int().min(0) }),
]);
export type RpcPolicyRequest = z.infer<typeof rpcPolicyRequest>;

export const rpcPolicyReply = z.union([
  /** Null where no policy holds for this agent and none ever did. */
  z.strictObject({ manifest: policyManifest.nullable() }),
  z.strictObject({ hash: sha256, offset: z.int().min(0), total: z.int().min(1), data: z.base64() }),
  z.strictObject({ retryAfterMs: z.int().min(1) }),
  z.strictObject({ code: z.enum(['request.invalid', 'resource.not-found', 'agent.revoked']) }),
]);
export type RpcPolicyReply = z.infer<typeof rpcPolicyReply>;
