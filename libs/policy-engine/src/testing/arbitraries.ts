import type { PolicyStatement } from '@keyfleet/contracts';
import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import fc from 'fast-check';
import type { Atom, Comparison, Expression, TextSubject } from '../condition/expression.js';
import { printCondition } from '../condition/print.js';
import type { AccessRequest } from '../request.js';

/** Few of each, so that requests meet statements and statements meet each other. */
const SEGMENTS = ['a', 'b', 'ab', 'abc'];
const SEGMENT_PATTERNS = [...SEGMENTS, '*', 'a*', '*b', 'a*c', '**'];
const PRINCIPALS = ['app:a', 'app:b', 'ci:a'];
const GROUPS = ['ops', 'dev', 'opsec'];
const TEXTS = ['', 'a', 'prod', 'ab "c" in d', 'app:a', 'read', 'a/b'];
const ZONES = ['UTC', 'Europe/Zurich', 'Asia/Kathmandu', 'America/New_York'];
const COMPARISONS: Comparison[] = ['<', '<=', '>', '>=', '=='];
const NETWORKS = ['10.0.0.0/8', '10.1.0.0/16', '192.168.7.0/24', '2001:db8::/32', '0.0.0.0/0', '10.1.2.3/32'];
const ADDRESSES = ['10.1.2.3', '10.2.3.4', '192.168.7.9', '2001:db8::7', '2001:db9::', '::ffff:10.1.2.3'];
const TAGS = ['env', 'tier'];
const FIRST = Date.parse('2026-01-01T00:00:00Z');
const LAST = Date.parse('2026-12-31T23:59:59Z');

const moment = fc.integer({ min: FIRST, max: LAST });
const subject: fc.Arbitrary<TextSubject> = fc.oneof(
  fc.constantFrom<TextSubject[]>('principal', 'method', 'action', 'path', 'client', 'reason'),
  fc.record({ tag: fc.constantFrom(...TAGS) }),
);
const distinct = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });

const atom: fc.Arbitrary<Atom> = fc.oneof(
  fc.record({ kind: fc.constant('one-of' as const), subject, values: distinct(TEXTS) }),
  fc.record({
    kind: fc.constant('text' as const),
    subject,
    test: fc.constantFrom('startsWith' as const, 'endsWith' as const, 'contains' as const),
    value: fc.constantFrom(...TEXTS),
  }),
  fc.record({ kind: fc.constant('group' as const), name: fc.constantFrom(...GROUPS) }),
  fc.record({ kind: fc.constant('has-tag' as const), tag: fc.constantFrom(...TAGS) }),
  fc.constant<Atom>({ kind: 'second-factor' }),
  fc.record({ kind: fc.constant('network' as const), cidr: fc.constantFrom(...NETWORKS) }),
  fc.record({
    kind: fc.constant('instant' as const),
    comparison: fc.constantFrom(...COMPARISONS),
    at: moment,
  }),
  fc.record({
    kind: fc.constant('weekday' as const),
    zone: fc.constantFrom(...ZONES),
    days: distinct([0, 1, 2, 3, 4, 5, 6]).map((days) => days.sort((a, b) => a - b)),
  }),
  fc.record({
    kind: fc.constant('clock' as const),
    zone: fc.constantFrom(...ZONES),
    comparison: fc.constantFrom(...COMPARISONS),
    minute: fc.integer({ min: 0, max: 1_440 }),
  }),
);

/** As reading makes them: no list of one, no list directly in one of its kind. */
export const expression: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    fc.boolean().map((value): Expression => ({ kind: 'always', value })),
    tie('any').map((of): Expression => ({ kind: 'not', of })),
    fc.array(tie('any'), { minLength: 2, maxLength: 3 }).map((of): Expression => flat('all', of)),
    fc.array(tie('any'), { minLength: 2, maxLength: 3 }).map((of): Expression => flat('any', of)),
  ),
})).any;

function flat(kind: 'all' | 'any', of: readonly Expression[]): Expression {
  return { kind, of: of.flatMap((part) => (part.kind === kind ? part.of : [part])) };
}

const resource = fc
  .array(fc.constantFrom(...SEGMENT_PATTERNS), { minLength: 1, maxLength: 4 })
  .filter((segments) => segments.filter((segment) => segment === '**').length <= 2)
  .map((segments) => segments.join('/'));

export const statements: fc.Arbitrary<PolicyStatement[]> = fc
  .array(
    fc.record({
      effect: fc.constantFrom('allow' as const, 'deny' as const),
      principals: distinct([...PRINCIPALS, 'app:*', '*', '@ops', '@ops*']),
      actions: distinct([...SECRET_ACTIONS.slice(0, 3), '*' as const]),
      resources: fc.array(fc.oneof(resource, fc.constant('@vault')), { minLength: 1, maxLength: 2 }),
      condition: fc.option(expression.map(printCondition), { nil: undefined }),
    }),
    { maxLength: 8 },
  )
  .map((all) => all.map((one, index) => ({ id: `s${index}`, ...one })));

const path = fc
  .array(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'));

export const request: fc.Arbitrary<AccessRequest> = fc.record({
  principal: fc.constantFrom(...PRINCIPALS),
  groups: fc.uniqueArray(fc.constantFrom(...GROUPS), { maxLength: 2 }),
  action: fc.constantFrom(...SECRET_ACTIONS.slice(0, 4)),
  path: fc.option(path, { freq: 6 }),
  method: fc.constantFrom('api-key', 'jwt'),
  secondFactor: fc.boolean(),
  client: fc.option(fc.constantFrom('a', 'prod')),
  reason: fc.option(fc.constantFrom('a', 'ab "c" in d')),
  address: fc.option(fc.constantFrom(...ADDRESSES)),
  tags: fc.dictionary(fc.constantFrom(...TAGS), fc.constantFrom('a', 'prod'), { noNullPrototype: true }),
  at: moment,
});
