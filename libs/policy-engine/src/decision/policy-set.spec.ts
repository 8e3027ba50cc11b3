import type { PolicyStatement } from '@keyfleet/contracts';
import { policyDocument } from '@keyfleet/contracts';
import fc from 'fast-check';
import type { AccessRequest } from '../request.js';
import { request, statements } from '../testing/arbitraries.js';
import { covers, explain } from './explain.js';
import { PolicySet } from './policy-set.js';

const asked: AccessRequest = {
  principal: 'app:billing',
  groups: ['ops'],
  action: 'read',
  path: 'team/app/db',
  method: 'api-key',
  secondFactor: false,
  client: null,
  reason: null,
  address: '10.1.2.3',
  tags: {},
  at: 0,
};
const allow: PolicyStatement = {
  ...{
    id: 'allow',
    effect: 'allow',
    principals: ['app:*'],
    actions: ['read', 'list'],
    resources: ['team/**'],
  },
};
const setOf = (...all: PolicyStatement[]) =>
  new PolicySet([
    { policyId: 'pol_1', version: 3, statements: policyDocument.parse({ statements: all }).statements },
  ]);

describe('a set of policies', () => {
  it('denies what nothing allows', () => {
    expect(new PolicySet([]).decide(asked)).toEqual({ verdict: 'denied', because: 'not-allowed', by: null });
    expect(setOf(allow).decide({ ...asked, action: 'delete' }).because).toBe('not-allowed');
  });

  it('allows what a statement allows, and says which', () => {
    expect(setOf(allow).decide(asked)).toEqual({
      ...{ verdict: 'allowed', because: 'allowed-by' },
      by: { policyId: 'pol_1', version: 3, statement: 'allow' },
    });
  });

  it('lets a deny of any scope beat every allow', () => {
    const deny: PolicyStatement = { ...allow, id: 'deny', effect: 'deny', principals: ['@ops'] };
    const ours = { policyId: 'pol_1', version: 1, statements: [allow] };
    const theirs = { policyId: 'pol_2', version: 7, statements: [deny] };
    for (const order of [
      [ours, theirs],
      [theirs, ours],
    ])
      expect(new PolicySet(order).decide(asked)).toMatchObject({
        because: 'denied-by',
        by: { policyId: 'pol_2', version: 7, statement: 'deny' },
      });
  });

  it('denies in doubt, and allows nothing in doubt', () => {
    const doubtful = { condition: 'tags.env == "prod"' };
    expect(setOf({ ...allow, ...doubtful }).decide(asked).because).toBe('not-allowed');
    const deny: PolicyStatement = { ...allow, ...doubtful, id: 'deny', effect: 'deny' };
    expect(setOf(allow, deny).decide(asked).because).toBe('undecidable');
    expect(setOf(allow, deny).decide({ ...asked, tags: { env: 'dev' } }).verdict).toBe('allowed');
  });

  it('gives the vault as a whole to none of the path patterns', () => {
    const everything: PolicyStatement = { ...allow, actions: ['*'], resources: ['**', '*'] };
    const keys: AccessRequest = { ...asked, action: 'keys', path: null };
    expect(setOf(everything).decide(keys).verdict).toBe('denied');
    expect(setOf({ ...everything, resources: ['@vault'] }).decide(keys).verdict).toBe('allowed');
    expect(setOf({ ...everything, resources: ['@vault'] }).decide(asked).verdict).toBe('denied');
  });

  it('decides through its index as by looking at every statement', () => {
    fc.assert(
      fc.property(statements, request, (all, one) => {
        const set = new PolicySet([{ policyId: 'pol_1', version: 1, statements: all }]);
        const { decision, decided, others } = explain(set, one);
        const denying = decided.filter(
          ({ statement }) => all.find(({ id }) => id === statement)?.effect === 'deny',
        );
        const verdict = denying.length > 0 || decided.length === 0 ? 'denied' : 'allowed';
        expect(decision.verdict).toBe(verdict);
        if (decision.by) expect(decided).toContainEqual(decision.by);
        expect(decided.length + others.length).toBe(all.length);
      }),
      { numRuns: 3_000 },
    );
  });

  it('tells of every statement what part it had', () => {
    const others: PolicyStatement[] = [
      { ...allow, id: 'other-principal', principals: ['ci:*'] },
      { ...allow, id: 'other-action', actions: ['delete'] },
      { ...allow, id: 'other-path', resources: ['other/**'] },
      { ...allow, id: 'other-time', condition: 'time > timestamp("2026-01-01T00:00:00Z")' },
      { ...allow, id: 'no-tag', condition: 'tags.env == "prod"' },
      { ...allow, id: 'deny', effect: 'deny' },
    ];
    const { decided, others: why } = explain(setOf(allow, ...others), asked);
    expect(decided.map(({ statement }) => statement)).toEqual(['deny']);
    expect(Object.fromEntries(why.map(({ ref, why: reason }) => [ref.statement, reason]))).toEqual({
      allow: 'overruled',
      'other-principal': 'principal',
      'other-action': 'action',
      'other-path': 'resource',
      'other-time': 'condition-false',
      'no-tag': 'condition-unknown',
    });
  });
});

describe('a path pattern', () => {
  it.each([
    ['team/**', ['team', 'team/a', 'team/a/b'], ['teams', 'other/team']],
    ['**/db', ['db', 'a/db', 'a/b/db'], ['db/a', 'adb']],
    ['a/*/c', ['a/b/c'], ['a/c', 'a/b/b/c']],
    ['a/db-*', ['a/db-', 'a/db-1'], ['a/db', 'a/db-1/x']],
    ['a/*-x-*', ['a/1-x-2', 'a/-x-'], ['a/-x', 'a/1-y-2']],
    ['a/**/b/**', ['a/b', 'a/x/b/y', 'a/b/b'], ['a', 'b']],
  ])('%s covers what it should', (pattern, inside, outside) => {
    expect(inside.filter((path) => !covers(pattern, path))).toEqual([]);
    expect(outside.filter((path) => covers(pattern, path))).toEqual([]);
  });

  it('covers what the same regular expression covers', () => {
    const segment = fc.constantFrom('a', 'ab', 'abb', '*', 'a*', '*b', 'a*b', '*b*', '*ab*b', '**');
    const pattern = fc.array(segment, { minLength: 1, maxLength: 5 }).map((all) => all.join('/'));
    const path = fc
      .array(fc.constantFrom('a', 'b', 'ab', 'abb', 'aab'), { minLength: 1, maxLength: 5 })
      .map((all) => all.join('/'));
    const regex = (text: string): RegExp =>
      new RegExp(
        `^${text
          .split('/')
          .map((part) => (part === '**' ? '(?:[^/]+/)*' : `${part.replaceAll('*', '[^/]*')}/`))
          .join('')}$`,
      );
    fc.assert(
      fc.property(pattern, path, (one, other) => {
        expect(covers(one, other)).toBe(regex(one).test(`${other}/`));
      }),
      { numRuns: 3_000 },
    );
  });
});
