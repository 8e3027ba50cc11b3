import { chmodSync, cpSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import postgres from 'postgres';
import { postgresBinaries } from './binaries.js';
import { createDatabase, createRoles, urlAs } from './database.js';
import { startPostgres } from './server.js';

const FAST = { fsync: 'off' };

async function query<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, connection: { application_name: 'spec' }, onnotice: () => {} });
  return work(sql).finally(() => sql.end({ timeout: 1 }));
}

describe('a private PostgreSQL', () => {
  it('finds its data, its password and its port again after a stop and after kill -9', async () => {
    const directory = temporaryDirectory('pg');
    const first = await startPostgres({ directory, settings: FAST });
    await createDatabase(first, 'keyfleet');
    await query(first.superuserUrl('keyfleet'), (sql) => sql`create table kept as select 7 as n`);
    await first.stop();
    const second = await startPostgres({ directory, settings: FAST, port: first.port });
    expect(second.url).toBe(first.url);
    await second.kill();
    const third = await startPostgres({ directory, settings: FAST, port: first.port });
    const rows = await query(third.superuserUrl('keyfleet'), (sql) => sql`select n from kept`);
    expect(rows).toEqual([{ n: 7 }]);
    await third.stop('immediate');
  });

  it('takes a free port where the preferred one is in use', async () => {
    const one = await startPostgres({ directory: temporaryDirectory('pg'), settings: FAST });
    const two = await startPostgres({ directory: temporaryDirectory('pg'), settings: FAST, port: one.port });
    expect(two.port).not.toBe(one.port);
    await Promise.all([one.stop(), two.stop()]);
  });

  it('syncs to disk unless told otherwise, listens on loopback only, and keeps its password to its owner', async () => {
    const directory = temporaryDirectory('pg');
    const server = await startPostgres({ directory });
    const settings = await query(
      server.url,
      (sql) => sql`select current_setting('fsync') as fsync, current_setting('listen_addresses') as listen`,
    );
    expect(settings).toEqual([{ fsync: 'on', listen: '127.0.0.1' }]);
    expect(statSync(join(directory, 'superuser-password')).mode & 0o077).toBe(0);
    const wrong = urlAs(server.url, 'postgres', 'guess');
    await expect(query(wrong, (sql) => sql`select 1`)).rejects.toThrow(/password authentication failed/);
    await server.stop();
  });

  it('runs from a folder that is closed to everybody else, binaries and data alike', async () => {
    const closed = temporaryDirectory('closed');
    chmodSync(closed, 0o700);
    const root = join(closed, 'native');
    cpSync(postgresBinaries().root, root, { recursive: true, verbatimSymlinks: true });
    const server = await startPostgres({
      directory: join(closed, 'pg'),
      settings: FAST,
      binaries: { root, bin: join(root, 'bin') },
    });
    expect(await query(server.url, (sql) => sql`select 1 as n`)).toEqual([{ n: 1 }]);
    await server.stop();
  });

  it('gives its roles nothing but a login, and a second time only a new password', async () => {
    const server = await startPostgres({ directory: temporaryDirectory('pg'), settings: FAST });
    await createRoles(server, { kf_reader: "it's \\ first" });
    await createRoles(server, { kf_reader: 'second' });
    const rows = await query(
      urlAs(server.url, 'kf_reader', 'second'),
      (sql) =>
        sql`select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user`,
    );
    expect(rows).toEqual([
      { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false },
    ]);
    await server.stop();
  });
});
