import { type Comparison, type Filter, parseFilter, selects } from '@keyfleet/contracts';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import fc from 'fast-check';
import { type SqlBool, sql } from 'kysely';
import { queryBuilder } from '../tenancy/builder.js';
import type { FilterField, FilterFields } from './fields.js';
import { filterSql } from './filter-sql.js';
import { nearest } from './nearest.js';

interface Row {
  readonly id: number;
  readonly state: string;
  readonly name: string | null;
  readonly secrets: number | null;
  readonly seen_at: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

const STATES = ['online', 'offline', 'unknown'];
const NAMED = new Map<string, FilterField>([
  ['state', { type: 'text', sql: sql`t.state`, values: STATES }],
  ['name', { type: 'text', sql: sql`t.name` }],
  ['secrets', { type: 'number', sql: sql`t.secrets` }],
  ['seenAt', { type: 'time', sql: sql`t.seen_at` }],
]);
const fields: FilterFields = {
  keys: () => NAMED.keys(),
  get: (name) => {
    const key = /^labels\.(.*)$/.exec(name)?.[1];
    if (key === undefined) return NAMED.get(name);
    return {
      type: 'text',
      sql: sql`t.labels ->> ${key}::text`,
      equals: (value) => sql<SqlBool>`t.labels @> ${JSON.stringify({ [key]: value })}::text::jsonb`,
    };
  },
};

/** What a filter means, said once more and without a database. */
function means(filter: Filter, row: Row): boolean {
  if (filter.kind === 'not') return !means(filter.term, row);
  if (filter.kind !== 'compare') {
    const answers = filter.terms.map((term) => means(term, row));
    return filter.kind === 'and' ? answers.every(Boolean) : answers.some(Boolean);
  }
  if (filter.field.startsWith('labels.')) return selects(filter, row.labels);
  const found =
    { state: row.state, name: row.name, secrets: row.secrets, seenAt: row.seen_at }[filter.field] ?? null;
  if (found === null) return filter.comparator === '!=';
  if (filter.value === '*' && filter.comparator === ':') return true;
  return compares(filter, found);
}

function compares({ comparator, value }: Comparison, found: string | number): boolean {
  const wanted = typeof found === 'number' ? Number(value) : value;
  switch (comparator) {
    case '=':
      return found === wanted;
    case '!=':
      return found !== wanted;
    case '<':
      return found < wanted;
    case '<=':
      return found <= wanted;
    case '>':
      return found > wanted;
    case '>=':
      return found >= wanted;
    case ':':
      return String(found).toLowerCase().includes(value.toLowerCase());
  }
}

const time = fc
  .integer({ min: 0, max: 20 })
  .map((n) => `2026-01-01T00:00:${String(n).padStart(2, '0')}.000000Z`);
const word = fc.constantFrom(
  'a',
  'B',
  'ab',
  "o'brien",
  '%',
  '_',
  '\\',
  '"',
  '$1',
  "'); drop table x; --",
  '*',
);
const rows = fc.array(
  fc.record({
    state: fc.constantFrom(...STATES),
    name: fc.option(word, { nil: null }),
    secrets: fc.option(fc.nat(9), { nil: null }),
    seen_at: fc.option(time, { nil: null }),
    labels: fc.dictionary(fc.constantFrom('env', 'team'), word),
  }),
  { minLength: 1, maxLength: 12 },
);
const comparison = (field: string, comparators: readonly string[], value: fc.Arbitrary<string>) =>
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant(field),
    comparator: fc.constantFrom(...(comparators as Comparison['comparator'][])),
    value,
  });
const ORDER = ['=', '!=', '<', '<=', '>', '>='];
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    comparison('state', ['=', '!='], fc.constantFrom(...STATES)),
    comparison('name', ['=', '!=', ':'], word),
    comparison('secrets', ORDER, fc.nat(9).map(String)),
    comparison('seenAt', ORDER, time),
    comparison('seenAt', [':'], fc.constant('*')),
    comparison('labels.env', ['=', '!=', ':'], word),
    fc.record({ kind: fc.constant('not' as const), term: tie('filter') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      terms: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

/** A filter as somebody would write it. */
function write(node: Filter): string {
  if (node.kind === 'not') return `NOT (${write(node.term)})`;
  if (node.kind === 'compare')
    return `${node.field} ${node.comparator} ${node.value === '*' ? '*' : JSON.stringify(node.value)}`;
  return node.terms.map((term) => `(${write(term)})`).join(node.kind === 'and' ? ' AND ' : ' OR ');
}

describe('a filter in SQL', () => {
  let database: TestDatabase;
  let pool: Sql;

  beforeAll(async () => {
    database = await createTestDatabase();
    pool = createSql({ url: database.url, applicationName: 'test', max: 1 });
  });

  afterAll(async () => {
    await closeSql(pool);
    await database.drop();
  });

  async function matching(text: string, table: readonly Row[]): Promise<number[]> {
    const query = sql<{ id: number }>`
      select id from jsonb_to_recordset(${JSON.stringify(table)}::text::jsonb)
        as t(id int, state text, name text, secrets int, seen_at timestamptz, labels jsonb)
      where ${filterSql(parseFilter(text), fields)} order by id`.compile(queryBuilder());
    const found = await pool.unsafe(query.sql, query.parameters as never[], { prepare: false });
    return found.map(({ id }) => id as number);
  }

  it('picks the rows it means, whatever is in them and however it is nested', async () => {
    await fc.assert(
      fc.asyncProperty(rows, filter, async (found, node) => {
        const table = found.map((row, id) => ({ id, ...row }));
        const expected = table.filter((row) => means(node, row)).map(({ id }) => id);
        expect(await matching(write(node), table)).toEqual(expected);
        const others = table.map(({ id }) => id).filter((id) => !expected.includes(id));
        expect(await matching(`NOT (${write(node)})`, table)).toEqual(others);
      }),
      { numRuns: 300 },
    );
  });

  it('repro-impossible-time: compares with every time that it takes, and takes none that the database does not know', async () => {
    const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`));
    const fraction = fc.constantFrom('', '.5', `.${'1'.repeat(9)}`, `.${'1'.repeat(10)}`);
    const parts = [digits(4), digits(2), digits(2), digits(2), digits(2), digits(2), fraction] as const;
    const text = fc.tuple(...parts).map(([y, m, d, h, min, s, f]) => `${y}-${m}-${d}T${h}:${min}:${s}${f}Z`);
    const near = fc.constantFrom('0000-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-01-01T24:00:00Z');
    const row = {
      id: 1,
      state: 'online',
      name: 'a',
      secrets: 1,
      seen_at: '2026-03-01T00:00:00Z',
      labels: {},
    };
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, near), async (value) => {
        const asked = `seenAt > "${value}"`;
        try {
          filterSql(parseFilter(asked), fields);
        } catch (error) {
          expect(error).toMatchObject({ code: 'filter.invalid' });
          return;
        }
        expect(await matching(asked, [row])).toBeInstanceOf(Array);
      }),
      { numRuns: 500, examples: [['0000-01-01T00:00:00Z'], ['2026-02-30T00:00:00Z']] },
    );
    expect(await matching('seenAt > "2026-01-31T12:00:00.123456789Z"', [row])).toEqual([1]);
  });

  it.each([
    [`state = offline AND stat = online`, { position: 21, nearest: 'state' }],
    [`name = "stat = x" OR secretz > 1`, { position: 22, nearest: 'secrets' }],
    [`entirely = 1`, { position: 1 }],
    [`state = gone`, { position: 1 }],
    [`name < a`, { position: 1 }],
    [`secrets = many`, { position: 1 }],
    [`state = online AND (seenAt > "yesterday")`, { position: 21 }],
    [`secrets : 1`, { position: 1 }],
  ])('refuses %s and says where', (text, extensions) => {
    expect(() => filterSql(parseFilter(text), fields)).toThrow(
      expect.objectContaining({ code: 'filter.invalid', details: expect.objectContaining({ extensions }) }),
    );
  });

  it('S11: knows no field that the list does not offer, and puts no word of the caller into the statement', () => {
    for (const field of ['org_id', 'constructor', 't.state', 'has'])
      expect(() => filterSql({ kind: 'compare', field, comparator: '=', value: 'x' }, fields)).toThrow(
        expect.objectContaining({ code: 'filter.invalid' }),
      );
    const attack = `x'); select set_config('app.org', 'org_b', true); --`;
    const compiled = filterSql(
      { kind: 'compare', field: `labels.${attack}`, comparator: '!=', value: attack },
      fields,
    ).compile(queryBuilder());
    expect(compiled.sql).not.toContain('set_config');
    expect(compiled.parameters).toContain(attack);
  });
});

describe('the nearest name', () => {
  it('is the one with the fewest letters to change, or none', () => {
    const names = ['state', 'secrets', 'seenAt', 'lastSeenAt'];
    expect(['stat', 'STATE', 'lastseen', 'secret', 'sentAt'].map((name) => nearest(name, names))).toEqual([
      'state',
      'state',
      'lastSeenAt',
      'secrets',
      'seenAt',
    ]);
    expect(nearest('colour', names)).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });
});
