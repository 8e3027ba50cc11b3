import type { PolicyStatement } from '@keyfleet/contracts';
import fc from 'fast-check';
import { PolicySet } from '../decision/policy-set.js';
import { request, statements } from '../testing/arbitraries.js';
import { findConflicts } from './conflicts.js';
import { applies, negate } from './formula.js';
import { Solver } from './solve.js';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const allow: PolicyStatement = {
  ...{ id: 'allow', effect: 'allow', principals: ['app:*'], actions: ['read'], resources: ['team/**'] },
};
const deny: PolicyStatement = { ...allow, id: 'deny', effect: 'deny' };
const setOf = (...all: PolicyStatement[]) =>
  new PolicySet([{ policyId: 'pol_1', version: 1, statements: all }]);
const conflictsOf = (...all: PolicyStatement[]) =>
  findConflicts(setOf(...all), NOW).map(({ kind, statement, with: others }) =>
    [kind, statement.statement, ...others.map((other) => other.statement)].join(' '),
  );

describe('conflicts', () => {
  it.each<[string, PolicyStatement[], string[]]>([
    ['nothing in common', [allow, { ...deny, resources: ['other/**'] }], []],
    ['an exception', [allow, { ...deny, resources: ['team/secret'] }], ['contradiction allow deny']],
    ['all of it denied', [allow, deny], ['shadowed allow deny']],
    [
      'all of it denied by two together',
      [
        { ...allow, condition: 'secondFactor || reason == "x"' },
        { ...deny, id: 'a', condition: 'secondFactor' },
        { ...deny, id: 'b', condition: '!secondFactor' },
      ],
      ['shadowed allow a b'],
    ],
    ['said twice', [allow, { ...allow, id: 'again', resources: ['team/a/*'] }], ['redundant again allow']],
    ['said twice alike', [allow, { ...allow, id: 'again' }], ['redundant again allow']],
    [
      'no time is both',
      [{ ...allow, condition: 'time.getHours("UTC") < 8 && time.timeOfDay("UTC") > "18:00"' }],
      ['unreachable allow'],
    ],
    [
      'never at noon on both sides of the world',
      [{ ...allow, condition: 'time.getHours("Europe/Zurich") == 12 && time.getHours("Asia/Tokyo") == 12' }],
      ['unreachable allow'],
    ],
    [
      'one hour apart in summer only',
      [{ ...allow, condition: 'time.getHours("Europe/Zurich") == 12 && time.getHours("Asia/Tokyo") == 19' }],
      [],
    ],
    [
      'eight hours apart in winter only',
      [{ ...allow, condition: 'time.getHours("Europe/Zurich") == 12 && time.getHours("Asia/Tokyo") == 20' }],
      [],
    ],
    [
      'in winter only, and before a moment in summer',
      [
        {
          ...allow,
          condition:
            'time.getHours("Europe/Zurich") == 12 && time.getHours("Asia/Tokyo") == 20 && time < timestamp("2026-06-15T12:00:00Z")',
        },
      ],
      [],
    ],
    [
      'a network within another',
      [
        { ...allow, condition: 'address.inNetwork("10.1.0.0/16")' },
        { ...deny, condition: 'address.inNetwork("10.0.0.0/8")' },
      ],
      ['shadowed allow deny'],
    ],
    [
      'a network but for its first half',
      [{ ...allow, condition: 'address.inNetwork("10.0.0.0/8") && !address.inNetwork("10.0.0.0/9")' }],
      [],
    ],
    [
      'a network but for both halves',
      [
        {
          ...allow,
          condition:
            'address.inNetwork("10.0.0.0/8") && !(address.inNetwork("10.0.0.0/9") || address.inNetwork("10.128.0.0/9"))',
        },
      ],
      ['unreachable allow'],
    ],
    [
      'a deny in doubt',
      [
        { ...allow, condition: '!("env" in tags)' },
        { ...deny, condition: 'tags.env == "prod"' },
      ],
      ['shadowed allow deny'],
    ],
    ['names that cannot be', [{ ...allow, condition: 'principal.startsWith("ci:")' }], ['unreachable allow']],
    ['an action that is not the one', [{ ...allow, condition: 'action != "read"' }], ['unreachable allow']],
    [
      'paths that share what no list shows',
      [
        { ...allow, resources: ['a*/**/x*'] },
        { ...deny, resources: ['*b/*/*y'] },
      ],
      ['contradiction allow deny'],
    ],
    [
      'a segment that would be too long to hold both',
      [
        { ...allow, resources: [`${'a'.repeat(40)}*`] },
        { ...deny, resources: [`*${'b'.repeat(40)}`] },
      ],
      [],
    ],
    [
      'segments that hold both, though others before them are as long as can be',
      [
        { ...allow, resources: [`${'a'.repeat(64)}/**/${'a'.repeat(40)}*`] },
        { ...deny, resources: [`**/*${'b'.repeat(24)}`] },
      ],
      ['contradiction allow deny'],
    ],
    [
      'a path that would be too long to hold both',
      [
        { ...allow, resources: [`${Array(4).fill('a'.repeat(50)).join('/')}/**`] },
        { ...deny, resources: [`**/${'b'.repeat(30)}/${'b'.repeat(30)}`] },
      ],
      [],
    ],
    [
      'the vault as a whole is no path',
      [
        { ...allow, resources: ['@vault'] },
        { ...deny, resources: ['**'] },
      ],
      [],
    ],
  ])('%s', (_, all, expected) => {
    expect(conflictsOf(...all)).toEqual(expected);
  });

  it('shows each with a request for which the engine agrees', () => {
    fc.assert(
      fc.property(statements, (all) => {
        const set = setOf(...all);
        for (const { kind, statement, with: others, example } of findConflicts(set, NOW)) {
          expect(kind).not.toBe('undecided');
          if (!example) continue;
          const involved = [statement, ...others.slice(0, 1)].map((ref) =>
            all.filter(({ id }) => id === ref.statement),
          );
          if (kind === 'contradiction' || kind === 'shadowed') {
            expect(setOf(...(involved[0] ?? [])).decide(example).verdict).toBe('allowed');
            expect(setOf(...involved.flat()).decide(example).verdict).toBe('denied');
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('overlooks no pair: whatever two disagree about a request, they are named together or one is shadowed', () => {
    fc.assert(
      fc.property(statements, request, (all, asked) => {
        const found = findConflicts(setOf(...all), NOW);
        const [allows, denies] = (['allow', 'deny'] as const).map((effect) =>
          all.filter(
            (one) =>
              one.effect === effect && setOf({ ...one, effect: 'allow' }).decide(asked).verdict === 'allowed',
          ),
        );
        for (const one of allows ?? [])
          for (const other of denies ?? [])
            expect(
              found.some(
                ({ kind, statement, with: others }) =>
                  statement.statement === one.id &&
                  (kind === 'shadowed' || others.some((ref) => ref.statement === other.id)),
              ),
            ).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('overlooks no request: what one meets, the solver finds', () => {
    fc.assert(
      fc.property(statements, request, (all, asked) => {
        const set = setOf(...all);
        const solver = new Solver(NOW);
        for (const statement of set.statements) {
          const alone = new PolicySet([
            { policyId: 'p', version: 1, statements: [{ ...statement.source, effect: 'allow' }] },
          ]);
          const formula = applies({ ...statement, denies: false });
          const meets = alone.decide(asked).verdict === 'allowed';
          if (meets) expect(solver.solve(formula).kind).toBe('found');
          const found = solver.solve(formula);
          if (found.kind === 'found') expect(alone.decide(found.request).verdict).toBe('allowed');
          const missed = solver.solve(negate(formula));
          if (!meets) expect(missed.kind).toBe('found');
          if (missed.kind === 'found') expect(alone.decide(missed.request).verdict).toBe('denied');
        }
      }),
      { numRuns: 300 },
    );
  });
});
