import type { RolloutPlan } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import type { LivePolicy } from '@keyfleet/policy/domain';
import fc from 'fast-check';
import { allow } from '../testing/world.js';
import { BundleMaker } from './bundles.js';
import { planFor } from './plan.js';
import type { KnownPolicy } from './policy-book.js';

const WAVES: RolloutPlan = {
  waves: [1, 10, 60, 100],
  soakSeconds: 0,
  haltOn: { rejected: 1, deniedPercent: null },
};
const orgId = newId('org');

function policyOf(given: Partial<LivePolicy>, policyId = newId('pol')): KnownPolicy {
  const state: LivePolicy = {
    ...{ status: 'live', policyId, name: 'p', drafts: 2, inForce: 1, draft: null },
    versions: [1, 2].map((version) => ({ version, hash: String(version), document: allow(`v${version}`) })),
    assignments: [{ assignmentId: 'all', target: { kind: 'organisation' } }],
    rollout: null,
    ...given,
  };
  return { policyId, orgId, state, movedAt: 0 };
}

const agentsOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ agentId: newId('agt'), labels: `{"n":"${n % 3}"}` }));

/** Agents that are to have version 2 of the only policy. */
function withTheNew(policy: KnownPolicy, agents: ReturnType<typeof agentsOf>): Set<string> {
  const { contents, contentOf } = planFor([policy], agents, new Map());
  const has = ({ agentId }: { agentId: string }) =>
    contents[contentOf.get(agentId) ?? -1]?.some(({ version }) => version === 2);
  return new Set(agents.filter(has).map(({ agentId }) => agentId));
}

const rolling = (wave: number, state: 'running' | 'halted' | 'completed' = 'running') =>
  ({ version: 2, from: 1, plan: WAVES, state, wave }) as const;

describe('the plan of an organisation', () => {
  it('puts each wave inside the next, with at least one agent in the first, all in the last, none once halted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), (count) => {
        const agents = agentsOf(count);
        const policyId = newId('pol');
        const waves = [0, 1, 2, 3].map((wave) =>
          withTheNew(policyOf({ rollout: rolling(wave) }, policyId), agents),
        );
        expect(waves[0]?.size).toBeGreaterThan(0);
        for (const [index, wave] of waves.entries())
          for (const agentId of waves[index - 1] ?? []) expect(wave.has(agentId)).toBe(true);
        expect(waves[3]?.size).toBe(count);
        expect(withTheNew(policyOf({ rollout: rolling(2, 'halted') }, policyId), agents).size).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('has waves about as large as they should be', () => {
    const agents = agentsOf(3_000);
    const sizes = [0, 1, 2].map((wave) => withTheNew(policyOf({ rollout: rolling(wave) }), agents).size);
    for (const [index, share] of [1, 10, 60].entries())
      expect(Math.abs((sizes[index] ?? 0) / 30 - share)).toBeLessThan(5);
  });

  it('gives agents with the same policies the same bundle, whatever order they are met in', () => {
    const policies = [policyOf({}), policyOf({}), policyOf({ assignments: [] })];
    const agents = agentsOf(30);
    const there = planFor(policies, agents, new Map());
    const back = planFor([...policies].reverse(), [...agents].reverse(), new Map());
    expect(there.contents).toHaveLength(1);
    expect(back.contents).toEqual(there.contents);
    const byId = new Map(policies.map((policy) => [policy.policyId, policy]));
    const made = [there, back].map(
      ({ contents }) => new BundleMaker().make(orgId, contents[0] ?? [], byId)?.hash,
    );
    expect(made[0]).toBe(made[1]);
    expect(new BundleMaker().make(newId('org'), there.contents[0] ?? [], byId)?.hash).not.toBe(made[0]);
  });

  it('makes no bundle that agents would not take', () => {
    const resources = Array.from({ length: 100 }, (_, n) => `team/${'x'.repeat(64)}/${n}/${'y'.repeat(60)}`);
    const statement = { ...allow('s').statements[0], resources };
    const document = { statements: Array.from({ length: 700 }, (_, n) => ({ ...statement, id: `s${n}` })) };
    const policy = policyOf({ versions: [{ version: 1, hash: 'large', document: document as never }] });
    const byId = new Map([[policy.policyId, policy]]);
    expect(new BundleMaker().make(orgId, [{ policyId: policy.policyId, version: 1 }], byId)).toBeNull();
  });
});
