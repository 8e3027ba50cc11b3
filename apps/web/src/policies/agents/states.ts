import type { AgentPolicyView } from '@keyfleet/contracts/http';

export const AGENT_STATES: readonly AgentPolicyView['state'][] = [
  ...(['converged', 'pending', 'rejected', 'offline', 'none'] as const),
];
