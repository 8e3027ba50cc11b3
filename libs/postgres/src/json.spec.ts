import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import fc from 'fast-check';
import { forJsonb } from './json.js';
import { closeSql, createSql, type Sql } from './sql.js';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = createSql({ url: database.url, applicationName: 'test', max: 1 });
}, 60_000);

afterAll(async () => {
  await closeSql(sql, 1_000);
  await database.drop();
});

/** Code units as they come, with those that matter more often than they would. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.constantFrom('\0', '\\', '\\u0000', '\\ud83d', '\ud83d', '\ude00', '\udfff', '"', 'u0000'),
);
const anyText = fc.array(unit, { maxLength: 12 }).map((units) => units.join(''));

describe('JSON for PostgreSQL', () => {
  it('is taken whatever its texts are, and comes back with U+FFFD for NUL and half a character alone', async () => {
    const value = fc.oneof(anyText, fc.record({ a: anyText, b: fc.array(anyText, { maxLength: 3 }) }));
    const mended = (given: unknown): unknown =>
      JSON.parse(JSON.stringify(given), (_, one: unknown) =>
        typeof one === 'string' ? one.toWellFormed().replaceAll('\0', '\ufffd') : one,
      );
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        const [row] = await sql`select ${forJsonb(JSON.stringify(given))}::text::jsonb as value`;
        expect(row?.['value']).toEqual(mended(given));
      }),
      { numRuns: 500 },
    );
  });

  it('has its keys mended, too', async () => {
    const [row] = await sql`select ${forJsonb(JSON.stringify({ 'a\0\ud83d': 1 }))}::text::jsonb as value`;
    expect(row?.['value']).toEqual({ 'a\ufffd\ufffd': 1 });
  });
});
