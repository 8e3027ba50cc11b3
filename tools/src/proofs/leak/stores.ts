import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { closeSql, createSql } from '@keyfleet/postgres';
import { Redis } from 'ioredis';
import type { RunFile } from '../../launcher/run-file.js';
import { filesBelow, type Place } from './places.js';

/** What the control plane keeps, and what it shows of itself. `state` is the installation's `.keyfleet`. */
export function storesOf(state: string, run: RunFile): { places: Place[]; close(): Promise<void> } {
  const sql = createSql({ url: run.postgres.url, applicationName: 'proof', max: 2, statementTimeoutMs: 0 });
  const redis = new Redis(run.redis.url);
  const planted: { stop(): void }[] = [];
  const places = [
    ...database(sql, state),
    ...queue(redis, state),
    ...files(state),
    operations(run, planted),
    processes(run, planted),
  ];
  return {
    places,
    close: async () => {
      for (const one of planted) one.stop();
      redis.disconnect();
      await closeSql(sql);
    },
  };
}

type Database = ReturnType<typeof createSql>;

function database(sql: Database, state: string): Place[] {
  const data = join(state, 'postgres');
  const insert = async (leak: Buffer, storage: 'external' | 'extended') => {
    await sql
      .unsafe(`create schema if not exists planted; create table if not exists planted.${storage} (leak bytea);
      alter table planted.${storage} alter column leak set storage ${storage}`)
      .simple();
    // Large enough to be moved out of the row (TOAST).
    await sql`insert into ${sql(`planted.${storage}`)} values (${Buffer.concat([leak, Buffer.alloc(6_000, 'x')])})`;
  };
  const inWal = (path: string) => path.includes('/pg_wal/');
  return [
    {
      name: 'PostgreSQL tables, TOAST unpacked',
      plant: (leak) => insert(leak, 'extended'),
      read: async function* () {
        const tables = await sql<{ name: string }[]>`
          select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`;
        for (const { name } of tables) yield* rowsOf(sql, name);
      },
    },
    {
      name: 'PostgreSQL data files',
      plant: (leak) => insert(leak, 'external'),
      read: async function* () {
        await sql`checkpoint`;
        yield* filesBelow(data, (path) => !inWal(path));
      },
    },
    {
      name: 'PostgreSQL write-ahead log',
      plant: (leak) => insert(leak, 'external'),
      read: () => filesBelow(data, inWal),
    },
  ];
}

/** Rows as bytes: text as it is, and bytea both as bytes and as hex. */
async function* rowsOf(sql: Database, table: string): AsyncIterable<Buffer> {
  for await (const rows of sql.unsafe(`select * from ${table}`).cursor(500)) {
    const pieces = rows.flatMap((row) =>
      Object.values(row).map((value) =>
        Buffer.isBuffer(value)
          ? value
          : Buffer.from(`${typeof value === 'object' ? JSON.stringify(value, plain) : String(value)}\n`),
      ),
    );
    yield Buffer.concat(pieces);
  }
}

const plain = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

function queue(redis: Redis, state: string): Place[] {
  let planted = 0;
  const plant = async (leak: Buffer) => {
    planted += 1;
    await redis.set(`planted:${planted}`, leak);
  };
  return [
    {
      name: 'Redis keys',
      plant,
      read: async function* () {
        for (const key of await redis.keys('*')) {
          const dumped = await redis.dumpBuffer(key);
          yield Buffer.concat([
            Buffer.from(`${key}\n`),
            dumped ?? Buffer.alloc(0),
            (await redis.type(key)) === 'string'
              ? ((await redis.getBuffer(key)) ?? Buffer.alloc(0))
              : Buffer.alloc(0),
          ]);
        }
      },
    },
    { name: 'Redis files', plant, read: () => filesBelow(join(state, 'redis')) },
  ];
}

function files(state: string): Place[] {
  let count = 0;
  const into = (folder: string) => async (leak: Buffer) => {
    count += 1;
    writeFileSync(join(state, folder, `planted-${count}`), leak);
  };
  return [
    {
      name: 'logs of services and agents',
      plant: async (leak) =>
        appendFileSync(join(state, 'logs', 'gateway.log'), Buffer.concat([leak, Buffer.from('\n')])),
      read: () => filesBelow(join(state, 'logs')),
    },
    { name: 'broker directory', plant: into('nats'), read: () => filesBelow(join(state, 'nats')) },
    {
      name: 'authority and credentials',
      plant: into('authority'),
      read: async function* () {
        yield* filesBelow(join(state, 'authority'));
        yield* filesBelow(join(state, 'services'));
      },
    },
    {
      name: 'run file',
      plant: async (leak) => writeFileSync(join(state, 'run.json.planted'), leak, { flag: 'a' }),
      read: async function* () {
        yield readFileSync(join(state, 'run.json'));
        yield* filesBelow(state, (path) => path === join(state, 'run.json.planted'));
      },
    },
    { name: 'agents’ own disks', plant: into('agents'), read: () => filesBelow(join(state, 'agents')) },
  ];
}

/** Metrics and health pages of every service. */
function operations(run: RunFile, planted: { stop(): void }[]): Place {
  const urls = run.services.map(({ operationsUrl }) => operationsUrl);
  return {
    name: 'metrics and health pages',
    plant: async (leak) => {
      const server = createServer((_request, response) => response.end(leak)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      urls.push(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
      planted.push({ stop: () => server.close() });
    },
    read: async function* () {
      for (const url of urls)
        for (const page of ['/metrics', '/readyz', '/livez'])
          yield Buffer.from(await (await fetch(url + page)).arrayBuffer());
    },
  };
}

/** Arguments and environments of the control plane's processes. */
function processes(run: RunFile, planted: { stop(): void }[]): Place {
  const pids = run.services.map(({ pid }) => pid);
  return {
    name: 'arguments and environments',
    forms: ['raw', 'base64', 'base64url', 'hex', 'url'],
    plant: async (leak) => {
      const child = spawn('sleep', ['600'], { env: { PLANTED: leak.toString('latin1') }, stdio: 'ignore' });
      await once(child, 'spawn');
      if (child.pid) pids.push(child.pid);
      planted.push({ stop: () => child.kill('SIGKILL') });
    },
    read: async function* () {
      for (const pid of pids)
        for (const file of ['cmdline', 'environ']) yield readFileSync(`/proc/${pid}/${file}`);
    },
  };
}
