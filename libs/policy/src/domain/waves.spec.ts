import { createHash } from 'node:crypto';
import { AT_ONCE, CAREFULLY } from '@keyfleet/contracts';
import fc from 'fast-check';
import type { LivePolicy, Rollout } from './policy.js';
import { bucketOf, isInWave, versionFor, waveKey, waveShare } from './waves.js';

const bucket = (version: number, agentId: string) =>
  bucketOf(
    createHash('sha256')
      .update(waveKey('pol_1', version, agentId))
      .digest('hex'),
  );
const agents = Array.from({ length: 2_000 }, (_, n) => `agt_${n}`);
const rollout: Rollout = { version: 2, from: 1, plan: CAREFULLY, state: 'running', wave: 0 };
const live: LivePolicy = {
  ...{ status: 'live', policyId: 'pol_1', name: 'A', drafts: 2, versions: [], inForce: 1 },
  ...{ draft: null, assignments: [], rollout },
};

describe('waves', () => {
  it('take the share they say, evenly, and others of them each time', () => {
    const chosen = (version: number) => agents.filter((agentId) => bucket(version, agentId) < 10);
    expect(chosen(1).length).toBeGreaterThan(150);
    expect(chosen(1).length).toBeLessThan(250);
    expect(chosen(1)).not.toEqual(chosen(2));
    expect(Math.max(...agents.map((agentId) => bucket(1, agentId)))).toBeLessThan(100);
  });

  it('hold those before them, and the agent with the smallest bucket from the first', () => {
    const share = fc.double({ min: 0.01, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1_000_000), { minLength: 1 }), share, share, (numbers, a, b) => {
        const buckets = numbers.map((number) => bucket(1, `agt_${number}`));
        const smallest = Math.min(...buckets);
        const wave = (size: number) => buckets.filter((one) => isInWave(one, size, smallest));
        const [less, more] = [wave(Math.min(a, b)), wave(Math.max(a, b))];
        expect(less.length).toBeGreaterThan(0);
        expect(more).toEqual(expect.arrayContaining(less));
        expect(wave(100)).toEqual(buckets);
      }),
    );
  });
});

describe('the version an agent decides by', () => {
  it('is the new one in a wave and the one before elsewhere, while the rollout runs or is paused', () => {
    for (const state of ['running', 'paused'] as const) {
      const policy = { ...live, rollout: { ...rollout, state } };
      expect(versionFor(policy, 0.5, 0.1)).toBe(2);
      expect(versionFor(policy, 1, 0.1)).toBe(1);
      expect(versionFor({ ...policy, rollout: { ...policy.rollout, wave: 1 } }, 1, 0.1)).toBe(2);
      expect(versionFor(policy, 50, 50)).toBe(2);
    }
  });

  it('is the one before for everybody once it halted, and the new one once it is complete', () => {
    const halted = { ...live, rollout: { ...rollout, state: 'halted' } } as const;
    expect(versionFor(halted, 0, 0)).toBe(1);
    expect(versionFor({ ...halted, rollout: { ...halted.rollout, from: null } }, 0, 0)).toBeNull();
    expect(versionFor({ ...live, rollout: { ...rollout, state: 'completed' } }, 99, 0)).toBe(2);
  });

  it('is none of a policy that was never rolled out, or is retired, or unknown', () => {
    expect(versionFor({ ...live, inForce: null, rollout: null }, 0, 0)).toBeNull();
    expect(versionFor({ ...live, status: 'retired' }, 0, 0)).toBeNull();
    expect(versionFor({ status: 'unknown' }, 0, 0)).toBeNull();
    expect(waveShare({ ...rollout, plan: AT_ONCE })).toBe(100);
  });
});
