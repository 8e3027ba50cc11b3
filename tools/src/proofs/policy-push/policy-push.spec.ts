import { manifestSigningInput, type PolicyManifest } from '@keyfleet/contracts';
import { newNkeySeed, nkeySigner, verifyNkeySignature } from '@keyfleet/crypto';
import type { SimulatedAgent } from '@keyfleet/testing';
import { temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { FORGERIES, lootOf } from './forgeries.js';
import { judgeForgery, judgeRound, type PushRound } from './judge.js';
import { provePolicyPush } from './proof.js';

const ANSWERED_AT = 1_000_000;
const [OLD, NEW] = ['a'.repeat(64), 'b'.repeat(64)];
const LIMITS = { p99Seconds: 5, returnedSeconds: 10 };

function agent(index: number, change: Partial<SimulatedAgent> = {}): SimulatedAgent {
  return {
    ...{ index, agentId: `agt_${index}`, orgId: 'org_1', state: 'connected', attempts: 1, failures: 0 },
    journal: { epoch: 1, seq: 0, acknowledged: 0 },
    ...{ idsHash: '', recorded: 0, killedAt: null, connectedAt: ANSWERED_AT - 60_000 },
    policy: { version: 2, hash: NEW, appliedAt: ANSWERED_AT + 10 * index },
    policiesApplied: [
      { version: 1, hash: OLD },
      { version: 2, hash: NEW },
    ],
    ...{ policyRefusals: { count: 0, last: null }, verdict: 'denied' },
    ...change,
  };
}

const connected = Array.from({ length: 100 }, (_, index) => agent(index));
const returned = [
  agent(100, {
    connectedAt: ANSWERED_AT + 9_000,
    policy: { version: 2, hash: NEW, appliedAt: ANSWERED_AT + 9_400 },
  }),
];

const judge = (change: Partial<PushRound> = {}) =>
  judgeRound(
    { answeredAt: ANSWERED_AT, hash: NEW, verdict: 'denied', connected, returned, ...change },
    LIMITS,
  );
const withFirst = (change: Partial<SimulatedAgent>) => ({
  connected: connected.map((one) => (one.index === 0 ? agent(0, change) : one)),
});

describe('the judge of a publication', () => {
  it('counts from the answer to the request, and from the return of those that were away', () => {
    expect(judge()).toEqual({
      connected: { n: 100, p50: 0.49, p99: 0.98, max: 0.99 },
      returned: { n: 1, p50: 0.4, p99: 0.4, max: 0.4 },
      wrong: [],
    });
  });

  it('G10: catches who decides by something else, answers otherwise, goes back in versions or has none', () => {
    const old = withFirst({ policy: { version: 1, hash: OLD, appliedAt: ANSWERED_AT } });
    expect(judge(old).wrong).toEqual(['1 agents do not decide by what was published']);
    expect(judge(withFirst({ verdict: 'allowed' })).wrong).toEqual(['1 agents do not answer as it says']);
    const fallen = [
      { version: 2, hash: OLD },
      { version: 2, hash: NEW },
    ];
    expect(judge(withFirst({ policiesApplied: fallen })).wrong).toEqual([
      '1 agents had versions that do not rise',
    ]);
    expect(judge(withFirst({ policy: null })).wrong).toHaveLength(2);
  });

  it('catches a slow hundredth, and one that is slow after its return', () => {
    const late = { policy: { version: 2, hash: NEW, appliedAt: ANSWERED_AT + 5_100 } };
    const slow = connected.map((one) => (one.index < 2 ? agent(one.index, late) : one));
    expect(judge({ connected: slow }).wrong).toEqual(['p99 was 5.1 s']);
    const latecomer = agent(100, {
      connectedAt: ANSWERED_AT,
      policy: { version: 2, hash: NEW, appliedAt: ANSWERED_AT + 10_001 },
    });
    expect(judge({ returned: [latecomer] }).wrong).toEqual(['one needed 10.001 s after its return']);
  });
});

describe('the judge of forgeries', () => {
  const refusing = connected.map((one) => agent(one.index, { policyRefusals: { count: 1, last: 'older' } }));

  it('takes a refusal for the right reason by everybody, and no change', () => {
    expect(judgeForgery(connected, refusing, 'older')).toEqual({ refused: 100, wrong: [] });
  });

  it('G10: catches who took it, who refused for another reason and who said nothing', () => {
    const taken = refusing.map((one) =>
      one.index === 3 ? agent(3, { ...one, policy: { version: 3, hash: OLD, appliedAt: 1 } }) : one,
    );
    expect(judgeForgery(connected, taken, 'older').wrong).toEqual(['1 agents changed what they decide by']);
    expect(judgeForgery(connected, refusing, 'signature').wrong).toEqual(['100 agents did not refuse it']);
    expect(judgeForgery(connected, [...refusing.slice(1), agent(0)], 'older').wrong).toEqual([
      '1 agents did not refuse it',
    ]);
  });
});

it('forges nothing that is genuine by chance', () => {
  const authority = nkeySigner(newNkeySeed());
  const manifest = (agentId: string, version: number): PolicyManifest => {
    const plain = {
      ...{ v: 1 as const, orgId: 'org_1', agentId, version, hash: NEW, bytes: 9 },
      issuedAt: '2026-03-01T00:00:00.000Z',
    };
    const signature = authority.sign(manifestSigningInput(plain));
    return { ...plain, key: authority.nkey, signature };
  };
  const ids = ['agt_1', 'agt_2'];
  const all = (version: number) => new Map(ids.map((id) => [id, manifest(id, version)]));
  for (const [agentId, loot] of lootOf(ids, all(2), all(1)))
    for (const { kind, make } of FORGERIES) {
      const made = make(loot);
      const genuine =
        made.key === authority.nkey &&
        verifyNkeySignature(made.key, manifestSigningInput(made), made.signature);
      expect([kind, genuine && made.agentId === agentId && made.version > 2]).toEqual([kind, false]);
      // Only what is said to be older or another agent's may be genuine at all.
      expect([kind, genuine]).toEqual([kind, ['older', 'foreign'].includes(kind)]);
    }
});

/** The proof itself is `npm run proof:policy-push`; this keeps it working, small. */
it('G10: a published policy is decided by everywhere, and a forged one nowhere', async () => {
  const result = await provePolicyPush({
    ...{ directory: temporaryDirectory('policy-push'), seed: 'push', agents: 12, rounds: 2, awayShare: 0.2 },
    limits: { p99Seconds: 60, returnedSeconds: 60 },
    ...{ random: seeded(7), say: () => {} },
  });
  expect(result).toMatchObject({ held: true, agents: 12 });
  expect(result.rounds.map(({ connected: there, returned: back }) => [there.n, back.n])).toEqual([
    [10, 2],
    [10, 2],
    [10, 2],
  ]);
  expect(result.forged.map(({ kind, refused }) => [kind, refused])).toEqual(
    ['tampered', 'older', 'foreign', 'other-key', 'claimed-key', 'tampered-bundle'].map((kind) => [kind, 12]),
  );
}, 300_000);
