import type { PolicyManifest } from '@keyfleet/contracts';
import type { AccessRequest, Decision, Unknown } from '@keyfleet/policy-engine';
import type { CompiledBundle } from './judge.js';

/** What decides about requests at one moment; whoever holds one decides by it to the end of his request. */
export interface PolicyInForce {
  readonly version: number;
  decide(request: AccessRequest, unknown?: ReadonlySet<Unknown>): Decision;
}

/** A policy as it stands at the agent. */
export interface Standing {
  /** Whose it is. */
  readonly agentId: string | null;
  readonly version: number;
  readonly hash: string | null;
  /** Null where the bundle is empty, so that no policy holds. */
  readonly compiled: CompiledBundle;
  /** False where one is known to be in force and cannot be vouched for. */
  readonly verified: boolean;
  /** By which key what lies on disk is signed, and when it was; null where nothing there is vouched for. */
  readonly signed: Pick<PolicyManifest, 'key' | 'issuedAt'> | null;
}

/** No policy of anybody. */
export const NOBODYS: Standing = {
  ...{ agentId: null, version: 0, hash: null, compiled: null, verified: true, signed: null },
};

/** What was found good, as it stands from now on. */
export function standingBy(manifest: PolicyManifest, compiled: CompiledBundle): Standing {
  const { agentId, version, hash } = manifest;
  return { agentId, version, hash, compiled, verified: true, signed: manifest };
}

/** Whether this is what stands, and can be vouched for. */
export function isStanding(standing: Standing, { agentId, version, hash }: PolicyManifest): boolean {
  const { agentId: owner, version: current, hash: content, verified } = standing;
  return verified && agentId === owner && version === current && hash === content;
}

/**
 * Whether a genuine manifest says what stands under another of the pinned keys. One that was signed before ours is the
 * past come back, unless ours is pinned no more.
 */
export function isSignedAnew(
  standing: Standing,
  manifest: PolicyManifest,
  pinned: readonly string[],
): boolean {
  const { signed } = standing;
  if (!signed || signed.key === manifest.key || !isStanding(standing, manifest)) return false;
  return !pinned.includes(signed.key) || Date.parse(manifest.issuedAt) >= Date.parse(signed.issuedAt);
}

const DENIED: Decision = { verdict: 'denied', because: 'not-allowed', by: null };

/** Null where no policy holds. What cannot be vouched for allows nothing: a damaged file must not open doors. */
export function decidingBy({ version, compiled, verified }: Standing): PolicyInForce | null {
  if (!verified) return { version, decide: () => DENIED };
  return compiled && { version, decide: (request, unknown) => compiled.decide(request, unknown) };
}
