import { GENESIS_HASH, type JournalEntry, journalEntry } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import fc from 'fast-check';
import { isOrdinary } from './envelope.js';

const ordinary: JournalEntry = {
  id: newId('evt'),
  orgId: newId('org'),
  agentId: newId('agt'),
  epoch: 1,
  seq: 1,
  type: 'SecretCreated',
  v: 1,
  at: '2026-03-01T10:00:00.000Z',
  data: { path: 'a/b' },
  prev: GENESIS_HASH,
  hash: GENESIS_HASH,
};

const keys = Object.keys(ordinary) as (keyof JournalEntry)[];
/** Values that are nearly right for some field, or right for another. */
const near = fc.oneof(
  fc.constantFrom(...keys.map((key) => ordinary[key] as unknown)),
  fc.constantFrom<unknown>(
    0,
    1.5,
    2 ** 31,
    2 ** 31 + 1,
    2 ** 53,
    1_000,
    1_001,
    -0,
    '',
    'x'.repeat(64),
    [],
    null,
  ),
  fc.constantFrom<unknown>(
    '2026-02-29T10:00:00.000Z',
    '2026-02-28T10:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
  ),
  fc.constantFrom<unknown>(
    '1969-12-01T23:59:59.999Z',
    '0001-03-01T10:00:00.000Z',
    '2026-03-01T24:00:00.000Z',
    '2026-03-01T10:00:00.000z',
    '2026-03-01T10:00:60.000Z',
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom<unknown>(
    { ['k'.repeat(201)]: 1 },
    { ['k'.repeat(200)]: 1 },
    ordinary.id.toUpperCase(),
    `${ordinary.id}\n`,
  ),
  fc.jsonValue(),
);

it('what passes for ordinary is never refused by the schema', () => {
  expect(isOrdinary({ ...ordinary })).toBe(true);
  const change = fc.record({
    key: fc.oneof(fc.constantFrom(...keys), fc.string()),
    value: near,
    drop: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
      const entry: Record<string, unknown> = { ...ordinary };
      for (const { key, value, drop } of changes) {
        if (drop) delete entry[key];
        else entry[key] = value;
      }
      if (isOrdinary(entry)) journalEntry.parse(entry);
    }),
    { numRuns: 5_000 },
  );
});
