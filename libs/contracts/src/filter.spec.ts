import fc from 'fast-check';
import { type Filter, parseFilter, parseSelector, selects } from './filter.js';

const compare = (field: string, comparator: string, value: string) => ({
  kind: 'compare',
  field,
  comparator,
  value,
});

describe('the filter grammar', () => {
  it('reads comparisons of bare and quoted values', () => {
    expect(parseFilter('state = offline')).toEqual(compare('state', '=', 'offline'));
    expect(parseFilter('labels.env="prod"')).toEqual(compare('labels.env', '=', 'prod'));
    expect(parseFilter('lastSeenAt < "2026-01-01T00:00:00Z"')).toEqual(
      compare('lastSeenAt', '<', '2026-01-01T00:00:00Z'),
    );
    expect(parseFilter('name:"a \\"b\\" \\\\"')).toEqual(compare('name', ':', 'a "b" \\'));
    expect(parseFilter('labels.app.kubernetes.io-name : *')).toEqual(
      compare('labels.app.kubernetes.io-name', ':', '*'),
    );
  });

  it('binds OR closer than AND, as AIP-160 does, and NOT closest', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => compare(name, '=', '1'));
    expect(parseFilter('a = 1 AND b = 1 OR c = 1')).toEqual({
      kind: 'and',
      terms: [a, { kind: 'or', terms: [b, c] }],
    });
    expect(parseFilter('(a = 1 AND b = 1) OR c = 1')).toEqual({
      kind: 'or',
      terms: [{ kind: 'and', terms: [a, b] }, c],
    });
    expect(parseFilter('NOT a = 1 AND b = 1')).toEqual({ kind: 'and', terms: [{ kind: 'not', term: a }, b] });
  });

  it.each([
    [''],
    ['state'],
    ['state ='],
    ['= x'],
    ['state = "open'],
    ['state = a b = c'],
    ['(state = a'],
    ['state = a)'],
    ['State = a'],
    ["state = 'a'"],
    ['state = a AND'],
    ['a..b = c'],
    ['x; drop table agents'],
    ['a = "\u0000"'],
    [`${'('.repeat(40)}a = b${')'.repeat(40)}`],
    [Array.from({ length: 51 }, () => 'a = b').join(' AND ')],
    [`a = "${'x'.repeat(2_000)}"`],
  ])('refuses what it cannot read and says where (case %#)', (text) => {
    expect(() => parseFilter(text)).toThrow(
      expect.objectContaining({
        code: 'filter.invalid',
        details: expect.objectContaining({
          errors: [expect.objectContaining({ pointer: 'query/filter' })],
        }),
      }),
    );
  });

  it('never fails in any other way', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        try {
          parseFilter(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'filter.invalid' });
        }
      }),
    );
  });
});

describe('selectors', () => {
  it('ask for labels only', () => {
    expect(() => parseSelector('state = online')).toThrow(
      expect.objectContaining({ code: 'filter.invalid' }),
    );
    expect(() => parseSelector('labels.env > a')).toThrow(
      expect.objectContaining({ code: 'filter.invalid' }),
    );
  });

  it.each([
    ['labels.env = prod', true],
    ['labels.env != prod', false],
    ['labels.team != a', true],
    ['labels.team = a', false],
    ['labels.env:*', true],
    ['labels.team:*', false],
    ['labels.site:BERL', true],
    ['labels.constructor:*', false],
    ['NOT labels.env = test AND labels.site = berlin', true],
    ['labels.env = test OR labels.site = berlin', true],
  ])('%s picks a production agent in Berlin: %s', (text, expected) => {
    expect(selects(parseSelector(text), { env: 'prod', site: 'berlin' })).toBe(expected);
  });

  it('NOT is the opposite, whatever it stands before', () => {
    const leaf: fc.Arbitrary<Filter> = fc.record({
      kind: fc.constant('compare' as const),
      field: fc.constantFrom('labels.a', 'labels.b'),
      comparator: fc.constantFrom('=' as const, '!=' as const, ':' as const),
      value: fc.constantFrom('1', '2', '*'),
    });
    const { tree } = fc.letrec<{ tree: Filter }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.record({ kind: fc.constant('not' as const), term: tie('tree') }),
        fc.record({
          kind: fc.constantFrom('and' as const, 'or' as const),
          terms: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
        }),
      ),
    }));
    const labels = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'));
    fc.assert(
      fc.property(tree, labels, (filter, on) => {
        expect(selects({ kind: 'not', term: filter }, on)).toBe(!selects(filter, on));
      }),
    );
  });
});
