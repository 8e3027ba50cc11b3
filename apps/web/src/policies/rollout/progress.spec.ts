import type { AgentPolicyView, RolloutView } from '@keyfleet/contracts/http';
import { countSteps, haltText } from './progress';

const HASH = 'a'.repeat(64);
const rollout = (halt: RolloutView['halt'] = null): RolloutView => ({
  ...{ version: 2, from: 1, state: 'running', wave: 0, halt },
  plan: { waves: [10, 100], soakSeconds: 60, haltOn: { rejected: 1, deniedPercent: null } },
  ...{ startedAt: '2026-11-21T10:00:00.000Z', changedAt: '2026-11-21T10:00:00.000Z' },
});
const agent = (state: AgentPolicyView['state'], version: number): AgentPolicyView => ({
  ...{ agentId: `agt_${state}${version}`, name: state, state, reason: null, actual: null },
  desired: { version: 7, hash: HASH, since: '2026-11-21T10:00:00.000Z' },
  policies: [
    { policyId: 'pol_other', version: 2 },
    { policyId: 'pol_this', version },
  ],
});

describe('how far a rollout has come', () => {
  it('counts an agent of a later wave as waiting, whatever it runs meanwhile', () => {
    const agents = [
      ...[agent('converged', 2), agent('converged', 1), agent('offline', 1)],
      ...[agent('rejected', 2), agent('offline', 2), agent('pending', 2)],
    ];
    expect(countSteps(agents, 'pol_this', rollout())).toEqual({
      ...{ converged: 1, pending: 1, rejected: 1, offline: 1, waiting: 2 },
    });
  });

  it('says why it halted, with the figures', () => {
    expect(haltText(rollout())).toBeNull();
    expect(haltText(rollout({ reason: 'rejected', rejected: 3, denied: 0, agents: 40 }))).toBe(
      '3 of 40 agents that had it refused it.',
    );
    expect(haltText(rollout({ reason: 'requested', rejected: 0, denied: 0, agents: 1 }))).toBe(
      'Somebody halted it.',
    );
  });
});
