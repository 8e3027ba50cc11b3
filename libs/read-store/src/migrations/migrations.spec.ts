import { eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import { fingerprint } from './fingerprint.js';
import { type Migration, MigrationDivergedError, type MigrationSet } from './history.js';
import { migrate } from './migrate.js';
import { isMigrated, missingMigrations, waitForMigrations } from './wait.js';

const text = (name: string, up = `create table ${name} (n int)`): Migration => ({ name, up });
const setOf = (...migrations: Migration[]): MigrationSet[] => [{ owner: 'test', migrations }];

describe('the fingerprint of a migration', () => {
  it('is that of what it says, not of how it is written', async () => {
    const written = await fingerprint('create table a (n int)');
    expect(await fingerprint('create table a\n    (n int)\n')).toBe(written);
    expect(await fingerprint('create table b (n int)')).not.toBe(written);
  });

  it('covers functions, with the names, values and fragments in their statements', async () => {
    const make = (table: string, value: number) => async (sql: Sql) => {
      const where = sql`where n = ${value}`;
      await sql`delete from ${sql(table)} ${where}`;
      await sql.unsafe('create table x (n int)').simple();
    };
    const base = await fingerprint(make('a', 1));
    expect(await fingerprint(make('a', 1))).toBe(base);
    expect(await fingerprint(make('b', 1))).not.toBe(base);
    expect(await fingerprint(make('a', 2))).not.toBe(base);
    const [schema] = eventStoreMigrations;
    expect(await fingerprint(schema?.up ?? '')).not.toBe(await fingerprint(async () => undefined));
  });
});

describe('migrating', () => {
  let database: TestDatabase;
  let reader: Sql;

  beforeEach(async () => {
    database = await createTestDatabase();
    reader = createSql({ url: database.urlFor('kf_reader'), applicationName: 'test', max: 2 });
  });

  afterEach(async () => {
    await closeSql(reader);
    await database.drop();
  });

  it('runs each migration once however many ask at the same time', async () => {
    const sets = setOf(text('one'), text('two'));
    const counts = await Promise.all([1, 2, 3].map(() => migrate({ ownerUrl: database.url, sets })));
    expect(counts.sort()).toEqual([0, 0, 2]);
  });

  it('runs only what had run elsewhere where that is asked for, and nothing where that is of a later build', async () => {
    const sets = setOf(text('one'), text('two'));
    const ran = async (name: string) => ({ owner: 'test', name, hash: await fingerprint(text(name).up) });
    const run = async (upTo: Awaited<ReturnType<typeof ran>>[]) => {
      const applied: string[] = [];
      await migrate({ ownerUrl: database.url, sets, upTo, onApplied: (_, name) => applied.push(name) });
      return applied;
    };
    for (const strange of [
      [await ran('three')],
      [{ ...(await ran('one')), hash: 'x' }],
      [{ ...(await ran('one')), owner: 'x' }],
    ])
      await expect(run(strange)).rejects.toBeInstanceOf(MigrationDivergedError);
    expect(await run([await ran('one')])).toEqual(['one']);
    expect(await run([await ran('one'), await ran('two')])).toEqual(['two']);
  });

  it('keeps what ran before a failure and nothing of the one that failed, and goes on from there', async () => {
    const failing = setOf(text('one'), text('two', 'create table two (n int); create table one (n int)'));
    await expect(migrate({ ownerUrl: database.url, sets: failing })).rejects.toMatchObject({ code: '42P07' });
    const applied: string[] = [];
    const sets = setOf(text('one'), text('two'));
    await migrate({
      ownerUrl: database.url,
      sets,
      onApplied: (owner, name) => applied.push(`${owner}/${name}`),
    });
    expect(applied).toEqual(['test/two']);
  });

  it('refuses a changed, a missing and a moved migration before it runs anything', async () => {
    const up = async (sql: Sql) => void (await sql`create table three (n int)`);
    const sets = setOf(text('one'), text('two'), { name: 'three', up });
    await migrate({ ownerUrl: database.url, sets });
    const changed = async (sql: Sql) => void (await sql`create table three (n bigint)`);
    const diverged = [
      setOf(text('one'), text('two', 'create table two (n bigint)'), { name: 'three', up }),
      setOf(text('one'), text('two'), { name: 'three', up: changed }),
      setOf(text('one'), text('two')),
      setOf(text('two'), text('one'), { name: 'three', up }),
    ];
    for (const history of diverged)
      await expect(
        migrate({ ownerUrl: database.url, sets: [{ owner: 'new', migrations: [text('four')] }, ...history] }),
      ).rejects.toThrow(MigrationDivergedError);
    expect(await migrate({ ownerUrl: database.url, sets })).toBe(0);
    expect(await missingMigrations(reader, [{ owner: 'new', migrations: [text('four')] }])).toEqual([
      'new/four',
    ]);
  });

  it('is waited for by services, which accept what a later build added and refuse what it changed', async () => {
    const sets = setOf(text('one'), text('two'));
    expect(await isMigrated(reader, sets)).toBe(false);
    const looks: (readonly string[] | null)[] = [];
    const waiting = waitForMigrations({
      sql: reader,
      sets,
      signal: AbortSignal.timeout(20_000),
      pollMs: 5,
      onWaiting: (missing) => looks.push(missing),
    });
    await migrate({ ownerUrl: database.url, sets: setOf(text('one')) });
    await migrate({ ownerUrl: database.url, sets: setOf(text('one'), text('two'), text('later')) });
    await waiting;
    expect(looks[0]).toEqual(['test/one', 'test/two']);
    expect(await isMigrated(reader, sets)).toBe(true);
    await expect(missingMigrations(reader, setOf(text('one', 'create table one (n text)')))).rejects.toThrow(
      MigrationDivergedError,
    );
  });
});
