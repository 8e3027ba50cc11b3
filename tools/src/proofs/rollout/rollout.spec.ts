import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import { canonicalJson, newNkeySeed, nkeySigner, sha256Hex } from '@keyfleet/crypto';
import { temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import { type BadWave, judgeWave, type Told } from './judge.js';
import { planKills } from './kills.js';
import { proveRollout } from './proof.js';

const [OLD, BAD] = ['a'.repeat(64), 'b'.repeat(64)];
const COUNT = 10;
/** The first of ten, and one of those that refused. */
const HAD = [0, 1];
const REFUSER = 'agt_5';
const authority = nkeySigner(newNkeySeed());

type Named = ConvergenceCertificate['agents'][number];

const applied = (...hashes: readonly string[]) => hashes.map((hash, index) => ({ version: index + 1, hash }));

function agent(index: number, hashes: readonly string[]): Told {
  const policiesApplied = applied(...hashes);
  const last = policiesApplied.at(-1) ?? { version: 0, hash: '' };
  return { agentId: `agt_${index}`, policiesApplied, policy: { ...last, appliedAt: 1 } };
}

const before = Array.from({ length: COUNT }, (_, index) => agent(index, [OLD]));
const after = before.map((one, index) => (HAD.includes(index) ? agent(index, [OLD, BAD, OLD]) : one));

function certificateOf(version: number, agents: readonly Named[]): ConvergenceCertificate {
  const text = [
    'keyfleet.convergence.v1',
    `version ${version}`,
    `sha256 ${sha256Hex(canonicalJson(agents))}`,
  ];
  const converged = agents.filter(({ state }) => state === 'converged').length;
  return {
    ...{ id: sha256Hex(text.join('\n')), text: text.join('\n'), key: authority.nkey },
    ...{ signature: authority.sign(text.join('\n')), policyId: 'pol_1', version, agents: [...agents] },
    ...{ at: '2026-03-01T00:00:00.000Z', converged, divergent: agents.length - converged },
  };
}

const named = (had: readonly number[]): readonly Named[] =>
  before.map(({ agentId }, index) => ({
    ...{ agentId, state: 'none', actual: OLD },
    reason: had.includes(index) ? 'taken-back' : 'halted',
  }));
const everybody: readonly Named[] = before.map(({ agentId }) => ({
  ...{ agentId, state: 'converged', actual: OLD, reason: null },
}));

const judge = (change: Partial<BadWave> = {}) =>
  judgeWave({
    ...{ reason: 'rejected', oldHash: OLD, badHash: BAD, before, after, unsettled: 0 },
    ...{ refusers: new Set([REFUSER]), halts: [{ reason: 'rejected' }], completions: 0, shown: 'halted' },
    ...{ certificate: certificateOf(2, named(HAD)), restored: certificateOf(1, everybody) },
    ...{ authorityKey: authority.nkey, ...change },
  });

const withOne = (index: number, hashes: readonly string[]) => ({
  after: after.map((one, at) => (at === index ? agent(index, hashes) : one)),
});

describe('the judge of a wave', () => {
  it('takes one that halted, was taken back everywhere, and of which it is known who had it', () => {
    expect(judge()).toEqual({ had: 2, wrong: [] });
  });

  it('catches one that did not halt, twice, for another reason, or that was completed', () => {
    expect(judge({ halts: [] }).wrong).toEqual(['it halted 0 times']);
    expect(judge({ halts: [{ reason: 'rejected' }, { reason: 'rejected' }] }).wrong).toEqual([
      'it halted 2 times',
    ]);
    expect(judge({ reason: 'denied' }).wrong).toEqual(['it halted for rejected, not denied']);
    expect(judge({ completions: 1, shown: 'completed' }).wrong).toEqual([
      'it was completed',
      'the API calls it completed',
    ]);
  });

  it('G10: catches who was not taken back, went back in versions, had something else or what it refused', () => {
    expect(judge(withOne(0, [OLD, BAD])).wrong).toEqual(['1 agents decide by something else than before']);
    const fallen = after.map((one, at) =>
      at === 0 ? { ...one, policiesApplied: [...one.policiesApplied, { version: 2, hash: OLD }] } : one,
    );
    expect(judge({ after: fallen }).wrong).toEqual(['1 agents had versions that do not rise']);
    expect(judge(withOne(4, [OLD, 'c'.repeat(64), OLD])).wrong).toEqual([
      '1 agents had what nobody published',
    ]);
    expect(judge(withOne(5, [OLD, BAD, OLD])).wrong).toEqual([
      '1 agents had what they refused',
      'its certificate does not name 1 agents that had it',
    ]);
    expect(judge({ unsettled: 3 }).wrong).toEqual(['3 agents never came to what they should have']);
  });

  it('catches a certificate that names one too many, one too few, or whom it says to run it', () => {
    expect(judge({ certificate: certificateOf(2, named([0, 1, 2])) }).wrong).toEqual([
      'its certificate names 1 agents that never had it',
    ]);
    expect(judge({ certificate: certificateOf(2, named([0])) }).wrong).toEqual([
      'its certificate does not name 1 agents that had it',
    ]);
    const running = named(HAD).map((one, index) =>
      index === 7 ? { ...one, state: 'converged' as const, actual: BAD, reason: null } : one,
    );
    expect(judge({ certificate: certificateOf(2, running) }).wrong).toEqual([
      'its certificate says that 1 agents run it',
      'its certificate says of 1 agents that they run something else than they do',
    ]);
    expect(judge({ restored: certificateOf(1, everybody.slice(1)) }).wrong).toEqual([
      'the certificate of the version before does not name 1 agents',
    ]);
  });

  it('catches a certificate with another list than was signed, or of another key', () => {
    const certificate = { ...certificateOf(2, named([0])), agents: [...named(HAD)] };
    expect(judge({ certificate }).wrong).toEqual(['its certificate does not hold']);
    expect(judge({ authorityKey: nkeySigner(newNkeySeed()).nkey }).wrong).toEqual([
      'its certificate does not hold',
      'the certificate of the version before does not hold',
    ]);
  });

  it('is not content where nobody had it, or everybody', () => {
    const nobody = judge({ after: before, certificate: certificateOf(2, named([])) });
    expect(nobody.wrong).toEqual(['nobody ever had it, so nothing is shown']);
    const all = before.map((_, index) => agent(index, [OLD, BAD, OLD]));
    const indexes = before.map((_, index) => index);
    const certificate = certificateOf(2, named(indexes));
    expect(judge({ after: all, certificate, refusers: new Set() }).wrong).toEqual([
      'everybody had it before it halted',
    ]);
  });
});

it('kills both services in each wave, at moments of the seed', () => {
  const plan = planKills(4, 10_000, seeded(3));
  expect(plan.map(({ victim }) => victim)).toEqual(expect.arrayContaining(['policy', 'registry']));
  expect(plan.map(({ at }) => at)).toEqual(plan.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(planKills(4, 10_000, seeded(3))).toEqual(plan);
});

/** The proof itself is `npm run proof:rollout`; this keeps it working, small. */
it('G10: a bad version halts and is taken back, though policy and registry are killed meanwhile', async () => {
  const result = await proveRollout({
    ...{ directory: temporaryDirectory('rollout'), seed: 'rollout', agents: 16 },
    ...{ calm: 0, killed: 1, killsPerWave: 2, random: seeded(5), say: () => {} },
  });
  expect(result.waves.map(({ reason, wrong }) => [reason, wrong])).toEqual([
    ['rejected', []],
    ['denied', []],
  ]);
  expect(result.held).toBe(true);
}, 480_000);
