import type { Policy, Rollout } from './policy.js';

/** What is hashed to place an agent among the waves of a version: whoever is in one wave is in all later ones. */
export function waveKey(policyId: string, version: number, agentId: string): string {
  return `${policyId} ${version} ${agentId}`;
}

/** Places an agent at 0 to 100 (exclusive), evenly, by a hash (hex, 13 digits or more) of its `waveKey`. */
export function bucketOf(hash: string): number {
  return (Number.parseInt(hash.slice(0, BUCKET_DIGITS), 16) / 16 ** BUCKET_DIGITS) * 100;
}

/** As many as a double holds exactly. */
const BUCKET_DIGITS = 13;

/** The percent of the assigned agents that are to have the new version. */
export function waveShare({ state, plan, wave }: Pick<Rollout, 'state' | 'plan' | 'wave'>): number {
  if (state === 'halted') return 0;
  return state === 'completed' ? 100 : (plan.waves[wave] ?? 100);
}

/**
 * Whether an agent is in a wave of this share. `smallest` is the least bucket of all assigned agents: the agent that has
 * it is in every wave, so that no wave of a small fleet is empty.
 */
export function isInWave(bucket: number, share: number, smallest: number): boolean {
  return share > 0 && (bucket < share || bucket <= smallest);
}

/**
 * The version an assigned agent is to decide by, `null` for none. Both buckets are of the version of the policy's rollout
 * and play no part where there is none.
 */
export function versionFor(state: Policy, bucket: number, smallest: number): number | null {
  if (state.status !== 'live') return null;
  const { rollout, inForce } = state;
  if (!rollout) return inForce;
  return isInWave(bucket, waveShare(rollout), smallest) ? rollout.version : rollout.from;
}
