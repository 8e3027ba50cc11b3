import type { SimulatedAgent } from '@keyfleet/testing';
import { temporaryDirectory } from '@keyfleet/testing';
import { type StormResult, wrongWithStorm } from './enrolment-storm.js';
import { judgeReturn, type Outage } from './judge.js';
import { proveExpiry, proveKillAndStorm } from './proof.js';

const KILLED_AT = 1_000_000;
const ACCEPTED_AT = KILLED_AT + 600;
const AGENTS = 100;
const WINDOW_MS = 5_000;
const LIMITS = { seconds: 60, attemptsPerAgent: 1.2, herd: true };

function agent(index: number, change: Partial<SimulatedAgent> = {}): SimulatedAgent {
  return {
    ...{ index, agentId: `agt_${index}`, orgId: 'org_1', state: 'connected', attempts: 2, failures: 0 },
    journal: { epoch: 1, seq: 0, acknowledged: 0 },
    ...{ idsHash: '', recorded: 0, killedAt: null, connectedAt: ACCEPTED_AT + 40 * index },
    ...{ policy: null, policiesApplied: [], policyRefusals: { count: 0, last: null }, verdict: null },
    ...change,
  };
}

/** Everybody came once, evenly over the window; of the time before the broker was there, a few knocked in vain. */
const even = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [ACCEPTED_AT / 100 + n, 2]));
const inVain = { [KILLED_AT / 100]: 4, [KILLED_AT / 100 + 1]: 4 };

function outage(change: Partial<Outage> = {}, attempts: Record<string, number> = even): Outage {
  const agents = Array.from({ length: AGENTS }, (_, index) => agent(index));
  return {
    ...{ killedAt: KILLED_AT, acceptedAt: ACCEPTED_AT, windowMs: WINDOW_MS, offline: 0, shownOnline: true },
    before: { agents },
    after: { agents, attempts: { ...inVain, [KILLED_AT / 100 - 500]: 1_000, ...attempts } },
    ...change,
  };
}

const withOne = (change: Partial<SimulatedAgent>): Outage => {
  const whole = outage();
  const agents = whole.after.agents.map((one) => (one.index === 7 ? { ...one, ...change } : one));
  return { ...whole, after: { ...whole.after, agents } };
};

describe('the judge of a return', () => {
  it('counts attempts against the living broker and, apart, those that found none', () => {
    expect(judgeReturn(outage(), LIMITS)).toEqual({
      ...{ agents: 100, returned: 100, lost: 0, falseOffline: 0, downSeconds: 0.6, backSeconds: 3.96 },
      ...{ attemptsPerAgent: 1, attemptsPerAgentInAll: 1.08, peakPerSecond: 20, evenPerSecond: 20 },
      wrong: [],
    });
  });

  it('F7: catches an agent that never returns, and one that says so of the connection it had before', () => {
    const lost = ['1 agents did not come back'];
    expect(judgeReturn(withOne({ state: 'offline' }), LIMITS)).toMatchObject({ lost: 1, wrong: lost });
    expect(judgeReturn(withOne({ connectedAt: KILLED_AT - 1 }))).toMatchObject({ lost: 1, wrong: lost });
    expect(judgeReturn(withOne({ connectedAt: null }))).toMatchObject({ lost: 1, wrong: lost });
  });

  it('F7: catches a herd, wherever the second begins, and agents that knock over and over', () => {
    const tenth = ACCEPTED_AT / 100;
    const herd = judgeReturn(outage({}, { [tenth + 7]: 60, [tenth + 12]: 40 }), LIMITS);
    expect(herd).toMatchObject({ peakPerSecond: 100, attemptsPerAgent: 1 });
    expect(herd.wrong).toEqual(['a herd: 100 attempts in a second, evenly 20']);
    const twice = Object.fromEntries(Object.keys(even).map((at) => [at, 3]));
    expect(judgeReturn(outage({}, twice), LIMITS).wrong).toEqual(['1.5 attempts per agent, 1.2 are allowed']);
  });

  it('F7: catches a late return, a false report and a control plane that does not show them', () => {
    expect(judgeReturn(withOne({ connectedAt: ACCEPTED_AT + 61_000 }), LIMITS).wrong).toEqual([
      'the last one took 61 s of 60',
    ]);
    expect(judgeReturn(outage({ offline: 1 })).wrong).toEqual(['1 living agents were reported offline']);
    expect(judgeReturn(outage({ shownOnline: false })).wrong).toHaveLength(1);
  });
});

describe('the judge of an enrolment storm', () => {
  const knocks = { attempts: 9, letIn: 0, refused: 4, busy: 5, busyWithoutRetryAfter: 0, other: 0 };
  const good: Omit<StormResult, 'wrong'> = {
    ...{ entitled: 5, entered: 5, enrolled: 5, seconds: 1, knocks, overUsed: 0, falseOffline: 0 },
    ...{ longestSilence: { before: 30, meanwhile: 31 }, reasons: {} },
  };

  it('S8: catches whoever is not let in, is so twice, or without a right, and whoever is not heard meanwhile', () => {
    expect(wrongWithStorm(good)).toEqual([]);
    const bad: readonly Partial<StormResult>[] = [
      { entered: 4 },
      { enrolled: 6 },
      { overUsed: 1 },
      { knocks: { ...knocks, letIn: 1 } },
      { knocks: { ...knocks, busyWithoutRetryAfter: 1 } },
      { knocks: { ...knocks, other: 1 } },
      { falseOffline: 1 },
      { longestSilence: { before: 30, meanwhile: 46 } },
    ];
    for (const change of bad) expect(wrongWithStorm({ ...good, ...change })).toHaveLength(1);
  });
});

/** The proof itself is `npm run proof:storm-reconnect`; these keep it working, small. */
describe('a small fleet', () => {
  const parts = (name: string) => ({ directory: temporaryDirectory(name), seed: 'spec', say: () => {} });

  it('F7, S8: comes back from a killed broker, and beats on while others want in', async () => {
    const { kill, storm } = await proveKillAndStorm({
      ...{ ...parts('storm-kill'), agents: 12, entitled: 10, knocks: 40, handshakes: 40 },
      settledMs: 5_000,
    });
    expect(kill).toMatchObject({ returned: 12, lost: 0, falseOffline: 0, wrong: [] });
    expect(storm).toMatchObject({ entered: 10, enrolled: 10, overUsed: 0, falseOffline: 0, wrong: [] });
  }, 240_000);

  it('F28: renews and comes back after every certificate ended while the broker was away', async () => {
    const expiry = await proveExpiry({ ...parts('storm-expiry'), agents: 8, lifeSeconds: 10 });
    expect(expiry).toMatchObject({ expired: 8, renewed: 8, returned: 8, lost: 0, wrong: [] });
  }, 240_000);
});
