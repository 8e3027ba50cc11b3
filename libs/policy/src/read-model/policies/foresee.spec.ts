import { AT_ONCE, CAREFULLY, type PolicyDocument } from '@keyfleet/contracts';
import { fold, isKeyfleetError } from '@keyfleet/kernel';
import fc from 'fast-check';
import { type PolicyCommand, type PolicyFact, policy } from '../../domain/index.js';
import { foldRow, type PolicyFact as RecordedFact } from './fold.js';
import { foresee, isSo, type PolicyChange } from './foresee.js';
import { standingOf } from './standing.js';
import type { PoliciesTable } from './tables.js';

const policyId = 'pol_1';
const hash = 'a'.repeat(64);
const document: PolicyDocument = {
  statements: [{ id: 'one', effect: 'allow', principals: ['*'], actions: ['read'], resources: ['a/**'] }],
};

const target = { kind: 'organisation' } as const;
const CHANGES: readonly PolicyChange[] = [
  ...['a', 'b'].map((assignmentId) => ({ type: 'AssignPolicy', assignmentId, target }) as const),
  ...['a', 'b'].map((assignmentId) => ({ type: 'UnassignPolicy', assignmentId }) as const),
  { type: 'RetirePolicy' },
  ...(['pause', 'resume', 'advance', 'halt'] as const).map(
    (action) => ({ type: 'ControlRollout', action }) as const,
  ),
];
const draft = { type: 'DraftPolicy', policyId, name: 'A', document, hash, existing: false } as const;
const reviewed: PolicyCommand = {
  ...{ type: 'ReviewPolicy', reviewer: 'usr_2', reviewersTokens: [], hash, verdict: 'approved' },
  comment: null,
};
const published = { type: 'PublishPolicy', restore: null, plan: AT_ONCE } as const;
const OTHERS: readonly PolicyCommand[] = [
  { ...draft, existing: true, hash: 'b'.repeat(64) },
  reviewed,
  { ...published, plan: CAREFULLY },
  { type: 'PublishPolicy', restore: 1, plan: AT_ONCE },
  { type: 'CompleteRollout', version: 1, agents: 3 },
  { type: 'HaltRollout', version: 2, reason: 'denied', rejected: 0, denied: 1, agents: 2 },
];

const metadata = { orgId: 'org_1', actor: 'usr_1', at: '2026-01-01T00:00:00.000Z' };

/** What happens where these are asked for one after the other; what is refused leaves nothing. */
function historyOf(commands: readonly PolicyCommand[]): readonly PolicyFact[] {
  const facts: PolicyFact[] = [];
  for (const command of commands) {
    const asked = outcomeOf(() => policy.decide(command, fold(policy, facts)));
    if (Array.isArray(asked)) facts.push(...asked.map((fact) => ({ ...fact, metadata })));
  }
  return facts;
}

function outcomeOf<Answer>(ask: () => Answer): Answer | string {
  try {
    return ask();
  } catch (error) {
    if (isKeyfleetError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const standingAfter = (facts: readonly PolicyFact[]) =>
  standingOf(
    facts.reduce<PoliciesTable | undefined>(
      (row, fact, index) => foldRow(row, { ...fact, revision: BigInt(index) } as unknown as RecordedFact),
      undefined,
    ) as PoliciesTable,
  );

describe('what a change would come to', () => {
  it('is what comes of it, whatever happened to the policy before', () => {
    const seen = new Set<string>();
    const retire = { type: 'RetirePolicy' } as const;
    const lasting = [...CHANGES, ...OTHERS].filter(({ type }) => type !== 'RetirePolicy');
    const step = fc.oneof(
      { weight: 40, arbitrary: fc.constantFrom(...lasting) },
      { weight: 1, arbitrary: fc.constant(retire) },
    );
    const begun = fc.constantFrom<readonly PolicyCommand[]>([draft], [draft, reviewed, published]);
    fc.assert(
      fc.property(begun, fc.array(step, { maxLength: 25 }), (first, commands) => {
        const facts = historyOf([...first, ...commands]);
        const standing = standingAfter(facts);
        for (const change of CHANGES) {
          const come = outcomeOf(() => policy.decide(change, fold(policy, facts)));
          const truth = typeof come === 'string' ? come : come.length > 0 ? 'would' : 'unchanged';
          const foreseen = outcomeOf(() => foresee(change, standing));
          // A second halt, or taking back what is not there, is refused; asked of many it is simply so.
          const expected = isSo(change, standing) ? 'unchanged' : truth;
          expect([change, foreseen]).toEqual([change, expected]);
          if (expected !== truth) expect(truth).toMatch(/There is no such assignment|The rollout is halted/);
          seen.add(`${change.type} ${foreseen}`);
        }
      }),
      { numRuns: 300 },
    );
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...['AssignPolicy would', 'AssignPolicy unchanged', 'UnassignPolicy would', 'RetirePolicy unchanged'],
        ...['UnassignPolicy unchanged', 'ControlRollout would', 'ControlRollout unchanged'],
        'AssignPolicy resource.conflict: This policy was retired.',
        'ControlRollout resource.conflict: This policy was never rolled out.',
        'ControlRollout resource.conflict: The rollout is completed.',
      ]),
    );
  });
});
