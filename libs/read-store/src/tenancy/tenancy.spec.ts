import { closeSql, createSql, transaction } from '@keyfleet/postgres';
import { MigrationDivergedError } from '../migrations/history.js';
import { migrate } from '../migrations/migrate.js';
import { type NotesWorld, notesWorld, ORG_A, ORG_B } from '../testing/notes.js';
import { compileScoped, type ScopedQuery, tenantQuery } from './tenant-query.js';
import { tenancyViolations } from './violations.js';

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
  it('S10: is silent on what we make, and names each planted hole', async () => {
    const owner = createSql({ url: world.database.url, applicationName: 'test', max: 1 });
    expect(await tenancyViolations(owner)).toEqual([]);
    await owner
      .unsafe(`create table test.open (org_id text); create view test.leak as select 1 as x;
      alter table test.notes_v1 no force row level security; grant insert on test.open to kf_reader`)
      .simple();
    expect(await tenancyViolations(owner)).toEqual([
      expect.stringMatching(/^test\.(open|notes_v1) has organisations/),
      expect.stringMatching(/^test\.(open|notes_v1) has organisations/),
      "test.leak is a view that runs with its owner's rights",
      'kf_reader may write test.open',
    ]);
    await owner
      .unsafe('drop table test.open; drop view test.leak; alter table test.notes_v1 force row level security')
      .simple();
    await closeSql(owner);
  });
});

describe('migrations', () => {
  it('run once however many ask at the same time, and refuse a history that differs', async () => {
    const counts = await Promise.all(
      [1, 2, 3].map(() => migrate({ ownerUrl: world.database.url, sets: world.sets })),
    );
    expect(counts).toEqual([0, 0, 0]);
    const changed = world.sets.map((set) => ({
      ...set,
      migrations: set.migrations.map((one) => ({ ...one, up: `${String(one.up)} -- changed` })),
    }));
    await expect(migrate({ ownerUrl: world.database.url, sets: changed })).rejects.toThrow(
      MigrationDivergedError,
    );
    const missing = world.sets.map((set) => ({ ...set, migrations: set.migrations.slice(1) }));
    await expect(migrate({ ownerUrl: world.database.url, sets: missing })).rejects.toThrow(
      MigrationDivergedError,
    );
  });
});
