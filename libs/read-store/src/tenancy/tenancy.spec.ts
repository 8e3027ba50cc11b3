import { closeSql, createSql, transaction } from '@keyfleet/postgres';
import { sql } from 'kysely';
import { type NotesWorld, notesWorld, ORG_A, ORG_B } from '../testing/notes.js';
import { scopedStatement } from './scoped-statement.js';
import { compileScoped, type ScopedQuery, tenantQuery } from './tenant-query.js';
import { type TenancyExceptions, tenancyViolations } from './violations.js';

interface Tables {
  'test.notes': { org_id: string; id: string; text: string; changes: number };
}
interface Note {
  id: string;
  text: string;
}

let world: NotesWorld;

beforeAll(async () => {
  world = await notesWorld();
  await world.worker`insert into test.notes_v1 values (${ORG_A}, 'a1', 'of A', 1), (${ORG_A}, 'a2', 'of A', 1), (${ORG_B}, 'b1', 'of B', 1)`;
}, 60_000);

afterAll(() => world.close());

const all: ScopedQuery<Tables, Note> = (db, org) =>
  db.selectFrom('test.notes').select(['id', 'text']).where('org_id', '=', org).orderBy('id');
const joined: ScopedQuery<Tables, Note> = (db, org) =>
  db
    .selectFrom('test.notes as n')
    .innerJoin('test.notes as m', (join) =>
      join.onRef('m.org_id', '=', 'n.org_id').onRef('m.id', '=', 'n.id'),
    )
    .select(['n.id', 'm.text'])
    .where('n.org_id', '=', org)
    .orderBy('n.id')
    .limit(10);
const withoutWhere: ScopedQuery<Tables, Note> = (db) =>
  db.selectFrom('test.notes').select(['id', 'text']).orderBy('id');

describe('a tenant query', () => {
  it.each([
    ['plain', all],
    ['with a join', joined],
    ['that forgot its where', withoutWhere],
  ] as const)('S10: %s answers as in a transaction of its own', async (_name, build) => {
    for (const org of [ORG_A, ORG_B]) {
      const { text, parameters } = compileScoped(org, build);
      const inner = text.slice(text.indexOf('lateral (') + 'lateral ('.length, text.lastIndexOf(' offset 0'));
      const classic = await transaction(world.reader, async (tx) => {
        await tx.unsafe(`set local app.org = '${org}'`);
        const plain = inner
          .replaceAll('ctx.org', `'${org}'`)
          .replace(/\$(\d+)/g, (_match, n: string) => `$${Number(n) - 1}`);
        return tx.unsafe(plain, parameters.slice(1) as never[]);
      });
      expect(await tenantQuery(world.reader, org, build)).toEqual([...classic]);
      expect((await tenantQuery(world.reader, org, build)).length).toBe(org === ORG_A ? 2 : 1);
    }
  });

  it('S10: without a scope nothing is read, also after one was set on the same connection', async () => {
    const one = createSql({ url: world.database.urlFor('kf_reader'), applicationName: 'test', max: 1 });
    expect(await one`select * from test.notes`).toHaveLength(0);
    await tenantQuery(one, ORG_A, all);
    expect(await one`select * from test.notes`).toHaveLength(0);
    await closeSql(one);
  });

  it.each([
    ['plain', all],
    ['with a join', joined],
  ] as const)(
    'S9: %s answers for its organisation alone where row security is gone, too',
    async (_name, build) => {
      const admin = createSql({ url: world.database.superuserUrl, applicationName: 'test', max: 1 });
      expect(await admin`select count(*)::int as n from test.notes`).toEqual([{ n: 3 }]);
      for (const org of [ORG_A, ORG_B])
        expect(await tenantQuery(admin, org, build)).toEqual(await tenantQuery(world.reader, org, build));
      await closeSql(admin);
    },
  );

  it('S10: built once answers each call for its own organisation and arguments', async () => {
    const byId = scopedStatement<Tables, Note, [id: string, texts: readonly string[]]>((db, org, id, texts) =>
      db
        .selectFrom('test.notes')
        .select(['id', 'text'])
        .where('org_id', '=', org)
        .where('id', '=', id)
        .where(sql<boolean>`text = any(${texts}::text[])`),
    );
    const texts = ['of A', 'of B'];
    expect(await byId(world.reader, ORG_A, 'a1', texts)).toEqual([{ id: 'a1', text: 'of A' }]);
    expect(await byId(world.reader, ORG_A, 'a2', texts)).toEqual([{ id: 'a2', text: 'of A' }]);
    expect(await byId(world.reader, ORG_B, 'b1', texts)).toEqual([{ id: 'b1', text: 'of B' }]);
    expect(await byId(world.reader, ORG_B, 'a1', texts)).toEqual([]);
    expect(await byId(world.reader, ORG_A, 'a1', [])).toEqual([]);
  });

  it('built once cannot be built by what its arguments are', async () => {
    const limited = scopedStatement<Tables, Note, [limit: number]>((db, org, limit) =>
      (limit > 1 ? db.selectFrom('test.notes').limit(1) : db.selectFrom('test.notes'))
        .select(['id', 'text'])
        .where('org_id', '=', org),
    );
    await expect(limited(world.reader, ORG_A, 2)).rejects.toThrow(TypeError);
  });

  it('says that the store is unavailable where the database does not answer', async () => {
    const nowhere = createSql({
      url: 'postgres://kf_reader@127.0.0.1:1/none',
      applicationName: 'test',
      max: 1,
    });
    await expect(tenantQuery(nowhere, ORG_A, all)).rejects.toMatchObject({ code: 'store.unavailable' });
    await closeSql(nowhere);
  });

  it('S11: takes an organisation id as a value, whatever is written in it', async () => {
    expect(await tenantQuery(world.reader, `x', true), set_config('app.org','${ORG_A}`, all)).toEqual([]);
    expect(await tenantQuery(world.reader, '', all)).toEqual([]);
  });

  it('S10: the reader cannot write, and the workers cannot change the schema', async () => {
    await expect(
      world.reader`insert into test.notes_v1 values (${ORG_A}, 'x', 'x', 1)`,
    ).rejects.toMatchObject({ code: '42501' });
    await expect(world.worker`drop table test.notes_v1`).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the catalogue check', () => {
  /** What it says of a hole, planted in a transaction that is rolled back. */
  async function planted(hole: string, exceptions?: TenancyExceptions): Promise<string[]> {
    const admin = createSql({ url: world.database.superuserUrl, applicationName: 'test', max: 1 });
    const rolledBack = new Error('rolled back');
    let found: string[] = [];
    await transaction(admin, async (tx) => {
      await tx.unsafe(hole).simple();
      found = await tenancyViolations(tx, exceptions);
      throw rolledBack;
    }).catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
    await closeSql(admin);
    return found;
  }

  it('S10: is silent on what we make', async () => {
    expect(await planted('')).toEqual([]);
    expect(await planted('', { installationTables: [] })).toEqual([]);
  });

  it.each([
    ['create table test.open (org_id text)', 'test.open has organisations in it and no forced row security'],
    [
      'alter table test.notes_v1 no force row level security',
      'test.notes_v1 has organisations in it and no forced row security',
    ],
    [
      'create policy hole on test.notes_v1 for select using (true)',
      'test.notes_v1 lets kf_reader past the organisation by its policy hole',
    ],
    [
      `create table test.wrong (org_id uuid); alter table test.wrong enable row level security;
       alter table test.wrong force row level security; create policy none on test.wrong to kf_worker using (true)`,
      'test.wrong.org_id is not text',
    ],
    ['create view test.leak as select 1 as x', "test.leak is a view that runs with its owner's rights"],
    [
      'create materialized view test.copy as select 1 as x',
      'test.copy is a materialised view, which knows no row security',
    ],
    [
      'create table test.mine (n int); alter table test.mine owner to kf_reader',
      'test.mine belongs to kf_reader',
    ],
    ['grant update (text) on test.notes_v1 to kf_reader', 'kf_reader may write test.notes_v1'],
    ['grant select on test.notes_v1 to public', 'everybody has rights to test.notes_v1'],
    [
      `create function test.peek() returns bigint language sql security definer
       as 'select count(*) from test.notes_v1'`,
      "test.peek() runs with its owner's rights for kf_reader",
    ],
    [
      'alter role kf_reader bypassrls',
      'kf_reader may do more than it should: superuser, bypassrls, createrole, createdb or replication',
    ],
    ['grant pg_read_all_data to kf_worker', 'kf_worker is a member of pg_read_all_data'],
  ])('S10: names the hole: %s', async (hole, violation) => {
    expect(await planted(hole)).toContain(violation);
  });

  it('S10: names tables without organisations that every organisation may read, but for those it is told of', async () => {
    const hole = 'create table test.all (secret text); grant select (secret) on test.all to kf_reader';
    expect(await planted(hole, { installationTables: [] })).toEqual([
      'test.all is readable by every organisation',
    ]);
    expect(await planted(hole, { installationTables: ['test.all'] })).toEqual([]);
  });

  it('S10: names every way into the schema of the event store', async () => {
    expect(await planted('grant select on store.orgs to kf_worker')).toEqual([
      'store.orgs is in the event store and open to kf_worker',
    ]);
    expect(await planted('grant usage on schema store to kf_reader')).toContain(
      'store.events is in the event store and open to kf_reader',
    );
  });
});
