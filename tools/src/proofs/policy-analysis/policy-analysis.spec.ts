import { findConflicts, PolicySet } from '@keyfleet/policy-engine';
import { temporaryDirectory } from '@keyfleet/testing';
import { seeded } from '../random.js';
import type { EngineUnderTest } from './examples.js';
import { factsOf, judge } from './judge.js';
import type { Rule } from './language.js';
import { ANALYSIS_BUGS } from './mutants.js';
import { type Oracle, startOracle } from './oracle.js';
import { plantEngine } from './plant.js';
import { proveAnalysis } from './proof.js';

/** The proof itself is `npm run proof:policy-analysis`; this keeps it working, small. */
describe('the proof of the analysis of policies', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await startOracle();
  });
  afterAll(() => oracle.close());

  const allow: Rule = {
    ...{ id: 'first', effect: 'allow', principals: ['app:*'], actions: ['read'], resources: ['a/*'] },
    condition: { is: 'equal', subject: 'tags.env', values: ['prod'] },
  };
  const deny: Rule = { ...allow, id: 'second', effect: 'deny', resources: ['a/b', '**/c'] };

  it.each<[string, Rule, Rule, boolean]>([
    ['meet', allow, deny, true],
    ['have no path in common', allow, { ...deny, resources: ['*', 'a/*/**/c'] }, false],
    ['meet in doubt', { ...allow, condition: undefined }, deny, true],
    [
      'have no tag in common',
      allow,
      { ...deny, condition: { is: 'startsWith', subject: 'tags.env', value: 'd' } },
      false,
    ],
  ])('has an oracle that knows whether two %s', async (_, one, other, expected) => {
    expect(await oracle.about([one, other], (ask) => ask([one, other]))).toBe(expected);
  });

  it('holds for a few pairs, and finds a planted bug', async () => {
    const result = await proveAnalysis({
      ...{ oracle, pairs: 6, random: seeded(7), directory: temporaryDirectory('analysis') },
      ...{ say: () => undefined, bugs: ANALYSIS_BUGS.slice(0, 1) },
    });
    expect(result).toMatchObject({ pairs: 6, wrong: 0, undecided: 0, unanswered: 0 });
    expect(result.bugs).toEqual({ 'not-dropped': expect.any(Number) });
  });

  it.each<[string, EngineUnderTest['findConflicts']]>([
    ['overlooks', () => []],
    ['invents', (set, now) => findConflicts(set, now).map((found) => ({ ...found, kind: 'redundant' }))],
    [
      'shows with a request that shows nothing',
      (set, now) =>
        findConflicts(set, now).map((found) => ({
          ...found,
          example: found.example && { ...found.example, path: 'other' },
        })),
    ],
    [
      'shows with a request that cannot be',
      (set, now) =>
        findConflicts(set, now).map((found) => ({
          ...found,
          example: found.example && { ...found.example, client: 'no client' },
        })),
    ],
  ])('catches an analysis that %s a conflict', async (_, broken) => {
    const pair = [[allow], [deny]];
    const facts = await factsOf(oracle, pair);
    expect(judge({ PolicySet, findConflicts }, pair, facts)).toMatchObject({ wrong: [], examples: 1 });
    expect(judge({ PolicySet, findConflicts: broken }, pair, facts).wrong).not.toEqual([]);
  });

  it.each(ANALYSIS_BUGS)('the planted bug $name fits the sources as they are', ({ patches }) => {
    expect(() => plantEngine(process.cwd(), temporaryDirectory('planted'), patches)).not.toThrow();
  });
});
