import type { Rollout } from '@keyfleet/policy/domain';
import fc from 'fast-check';
import type { Figures } from './figures.js';
import { verdictOn } from './verdict.js';

const rollout = (given: Partial<Rollout> = {}): Rollout => ({
  ...{ version: 2, from: 1, state: 'running', wave: 0 },
  plan: { waves: [10, 100], soakSeconds: 60, haltOn: { rejected: 2, deniedPercent: 20 } },
  ...given,
});
const figures = (given: Partial<Figures> = {}): Figures => ({
  ...{ agents: 10, waiting: 0, rejected: 0, requests: 0, denied: 0 },
  ...given,
});
const circumstances = (given: Partial<Figures> = {}, forMs = 60_000) => ({
  ...{ figures: figures(given), forMs, blocked: false },
});

describe('a rollout', () => {
  it('goes on when every agent that is online has answered and its time is over', () => {
    expect(verdictOn(rollout(), circumstances())).toBe('advance');
    expect(verdictOn(rollout({ wave: 1 }), circumstances())).toBe('complete');
    expect(verdictOn(rollout(), circumstances({ waiting: 1 }))).toBe('wait');
    expect(verdictOn(rollout(), circumstances({}, 59_999))).toBe('wait');
    expect(verdictOn(rollout(), { ...circumstances(), blocked: true })).toBe('wait');
    expect(verdictOn(rollout(), circumstances({ agents: 0 }))).toBe('advance');
  });

  it('halts at so many refusals, or where too large a share is denied, whether or not its time is over', () => {
    expect(verdictOn(rollout(), circumstances({ rejected: 1 }))).toBe('advance');
    expect(verdictOn(rollout(), circumstances({ rejected: 2, waiting: 5 }, 0))).toEqual({ halt: 'rejected' });
    expect(verdictOn(rollout(), circumstances({ requests: 100, denied: 20 }, 0))).toEqual({ halt: 'denied' });
    expect(verdictOn(rollout(), circumstances({ requests: 100, denied: 19 }, 0))).toBe('wait');
    // One of one would be all of them.
    expect(verdictOn(rollout(), circumstances({ requests: 1, denied: 1 }, 0))).toBe('wait');
    expect(verdictOn(rollout({ state: 'paused' }), circumstances({ rejected: 2 }))).toEqual({
      halt: 'rejected',
    });
  });

  it('never moves where it has ended, and never on while paused', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('paused' as const, 'halted' as const, 'completed' as const),
        fc.record({
          agents: fc.nat(50),
          waiting: fc.nat(3),
          rejected: fc.nat(5),
          requests: fc.nat(500),
          denied: fc.nat(500),
        }),
        fc.nat(200_000),
        (state, some, forMs) => {
          const verdict = verdictOn(rollout({ state }), { figures: some, forMs, blocked: false });
          expect(['advance', 'complete']).not.toContain(verdict);
          if (state !== 'paused') expect(verdict).toBe('wait');
        },
      ),
    );
  });
});
