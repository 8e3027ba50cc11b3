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
}

const DENIED: Decision = { verdict: 'denied', because: 'not-allowed', by: null };

/** Null where no policy holds. What cannot be vouched for allows nothing: a damaged file must not open doors. */
export function decidingBy({ version, compiled, verified }: Standing): PolicyInForce | null {
  if (!verified) return { version, decide: () => DENIED };
  return compiled && { version, decide: (request, unknown) => compiled.decide(request, unknown) };
}
