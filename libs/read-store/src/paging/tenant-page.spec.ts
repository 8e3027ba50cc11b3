import fc from 'fast-check';
import { sql } from 'kysely';
import { type NotesWorld, notesWorld, ORG_A, ORG_B } from '../testing/notes.js';
import { Cursors } from './cursor.js';
import { type PageOptions, tenantPage } from './tenant-page.js';

interface Tables {
  'test.notes': { org_id: string; id: string; text: string; changes: number };
}

let world: NotesWorld;
const cursors = new Cursors('k'.repeat(32));

beforeAll(async () => {
  world = await notesWorld();
});

afterAll(() => world.close());

beforeEach(() => world.worker`delete from test.notes_v1`);

function page(options: Partial<PageOptions> & Pick<PageOptions, 'limit'>) {
  return tenantPage<Tables, { id: string; text: string }>(
    {
      sql: world.reader,
      orgId: ORG_A,
      cursors,
      list: ['notes'],
      keys: [
        { sql: sql`n.text`, type: 'text' },
        { sql: sql`n.id`, type: 'text' },
      ],
      ...options,
    },
    (db, org) => db.selectFrom('test.notes as n').select(['n.id', 'n.text']).where('n.org_id', '=', org),
  );
}

async function pages(options: Partial<PageOptions> & Pick<PageOptions, 'limit'>): Promise<string[][]> {
  const all: string[][] = [];
  for (let cursor: string | undefined, more = true; more; ) {
    const { rows, nextCursor } = await page({ ...options, cursor });
    all.push(rows.map(({ id }) => id));
    more = nextCursor !== null;
    cursor = nextCursor ?? undefined;
  }
  return all;
}

const insert = (orgId: string, notes: readonly { id: string; text: string }[]) =>
  world.worker`
    insert into test.notes_v1 (org_id, id, text, changes)
    select ${orgId}, id, text, 1 from jsonb_to_recordset(${world.worker.json(notes as never)}) as r(id text, text text)`;

describe('a page of a list', () => {
  it('joined to the others is the whole list, once, in order, either way round', async () => {
    const notes = fc.uniqueArray(
      fc.record({ id: fc.uuid(), text: fc.constantFrom('a', 'b', 'B', 'ä', '', ' ') }),
      { selector: ({ id }) => id, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(
        notes,
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        async (found, limit, descending) => {
          await world.worker`delete from test.notes_v1`;
          await insert(ORG_A, found);
          await insert(ORG_B, found);
          const whole = await world.worker`
          select id from test.notes where org_id = ${ORG_A} order by text, id`;
          const ids = whole.map(({ id }) => id as string);
          const read = await pages({ limit, descending });
          expect(read.flat()).toEqual(descending ? ids.reverse() : ids);
          expect(read.slice(0, -1).every((one) => one.length === limit)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('does not shift by rows that come and go between two of them', async () => {
    await insert(
      ORG_A,
      ['b', 'd', 'f', 'h'].map((text) => ({ id: text, text })),
    );
    const first = await page({ limit: 2 });
    expect(first.rows).toEqual([
      { id: 'b', text: 'b' },
      { id: 'd', text: 'd' },
    ]);
    await insert(
      ORG_A,
      ['a', 'e'].map((text) => ({ id: text, text })),
    );
    await world.worker`delete from test.notes_v1 where id = 'd'`;
    const second = await page({ limit: 2, cursor: first.nextCursor ?? undefined });
    expect(second.rows.map(({ id }) => id)).toEqual(['e', 'f']);
  });

  it('keeps its place to the microsecond and to the last of 64 bits', async () => {
    await insert(
      ORG_A,
      ['a', 'b', 'c'].map((id) => ({ id, text: id })),
    );
    const keys = [
      {
        sql: sql`timestamptz '2026-01-01 00:00:00.123456+00' + ascii(n.id) * interval '1 microsecond'`,
        type: 'timestamptz',
      },
      { sql: sql`9007199254740992 + ascii(n.id)`, type: 'bigint' },
    ] as const;
    expect(await pages({ limit: 1, keys })).toEqual([['a'], ['b'], ['c']]);
  });

  it('S9: is not given for a cursor of another organisation or list', async () => {
    await insert(
      ORG_A,
      ['a', 'b'].map((id) => ({ id, text: id })),
    );
    const { nextCursor } = await page({ limit: 1 });
    const cursor = nextCursor ?? undefined;
    for (const other of [{ orgId: ORG_B }, { list: ['notes', 'text = a'] }])
      await expect(page({ limit: 1, cursor, ...other })).rejects.toMatchObject({ code: 'cursor.invalid' });
  });
});
