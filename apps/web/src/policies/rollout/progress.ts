import type { AgentPolicyView, RolloutView } from '@keyfleet/contracts/http';

export const STEPS = ['converged', 'pending', 'rejected', 'offline', 'waiting'] as const;
/** Where an agent is in a rollout; `waiting` for a later wave. */
export type Step = (typeof STEPS)[number];

export function stepOf(agent: AgentPolicyView, policyId: string, rollout: RolloutView): Step {
  const reached = agent.policies.some(
    ({ policyId: id, version }) => id === policyId && version === rollout.version,
  );
  if (!reached) return 'waiting';
  return agent.state === 'none' ? 'pending' : agent.state;
}

export function countSteps(
  agents: readonly AgentPolicyView[],
  policyId: string,
  rollout: RolloutView,
): Readonly<Record<Step, number>> {
  const counts = { converged: 0, pending: 0, rejected: 0, offline: 0, waiting: 0 };
  for (const agent of agents) counts[stepOf(agent, policyId, rollout)]++;
  return counts;
}

/** Why a rollout halted, with the figures that made it. */
export function haltText({ halt }: RolloutView): string | null {
  if (!halt) return null;
  const { reason, rejected, denied, agents } = halt;
  if (reason === 'requested') return 'Somebody halted it.';
  const of = `of ${agents} ${agents === 1 ? 'agent' : 'agents'} that had it`;
  if (reason === 'rejected') return `${rejected} ${of} refused it.`;
  return `Too many requests were denied: ${denied} at agents that run it (${agents} had it).`;
}
