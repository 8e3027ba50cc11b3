import type { AgentPolicyView, PolicySummary } from '@keyfleet/contracts/http';
import { Badge } from '@mantine/core';

const POLICY: Readonly<Record<PolicySummary['state'], { color: string; hint: string }>> = {
  draft: { color: 'blue', hint: 'Never published: it decides nothing yet' },
  published: { color: 'teal', hint: 'In force where it is assigned' },
  retired: { color: 'gray', hint: 'Taken out of force for good' },
};

export function PolicyStateBadge({ state }: { readonly state: PolicySummary['state'] }) {
  const { color, hint } = POLICY[state];
  return (
    <Badge color={color} variant="light" title={hint} data-state={state}>
      {state}
    </Badge>
  );
}

const ROLLOUT: Readonly<Record<NonNullable<PolicySummary['rollout']>, { color: string; hint: string }>> = {
  running: { color: 'blue', hint: 'Goes on by itself' },
  paused: { color: 'yellow', hint: 'Waits until somebody lets it go on' },
  halted: { color: 'red', hint: 'Stopped; every agent is back at the version before' },
  completed: { color: 'teal', hint: 'Came to all its agents' },
};

export function RolloutBadge({ state }: { readonly state: NonNullable<PolicySummary['rollout']> }) {
  const { color, hint } = ROLLOUT[state];
  return (
    <Badge color={color} variant="light" title={hint} data-rollout={state}>
      rollout {state}
    </Badge>
  );
}

const AGENT: Readonly<Record<AgentPolicyView['state'], { color: string; hint: string }>> = {
  converged: { color: 'teal', hint: 'Decides by what it should' },
  pending: { color: 'blue', hint: 'Is online and has not answered yet' },
  rejected: { color: 'red', hint: 'Refused the policy and keeps the one before' },
  offline: { color: 'gray', hint: 'Takes the policy when it returns' },
  none: { color: 'dark', hint: 'No policy is meant for it' },
};

export function AgentPolicyBadge({ state }: { readonly state: AgentPolicyView['state'] }) {
  const { color, hint } = AGENT[state];
  return (
    <Badge color={color} variant="light" title={hint} data-state={state}>
      {state}
    </Badge>
  );
}
