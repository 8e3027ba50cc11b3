import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PostgresServer, type RedisServer, startPostgres } from '@keyfleet/embedded';
import { temporaryDirectory, testRedis } from '@keyfleet/testing';
import { Stack } from './stack.js';

const directory = temporaryDirectory('own-servers');
let postgres: PostgresServer;
let redis: RedisServer;
let stack: Stack;

beforeAll(async () => {
  const folder = join(directory, 'postgres');
  mkdirSync(folder);
  [postgres, redis] = await Promise.all([
    startPostgres({ directory: folder, settings: { fsync: 'off', log_statement: 'all' } }),
    testRedis(),
  ]);
  stack = await Stack.start({
    directory: temporaryDirectory('own-servers-product'),
    agents: 1,
    env: { KEYFLEET_POSTGRES_URL: postgres.url, KEYFLEET_REDIS_URL: redis.url },
  });
}, 240_000);

afterAll(async () => {
  await stack?.stop();
  await Promise.all([postgres?.stop('immediate'), redis?.stop()]);
});

it('runs on a PostgreSQL and a Redis it did not start, and starts none of its own', () => {
  const { run } = stack;
  expect(new URL(run.postgres.url).port).toBe(String(postgres.port));
  expect(run.redis.url).toBe(redis.url);
  expect([run.postgres, run.redis]).toEqual([
    expect.objectContaining({ pid: 0 }),
    expect.objectContaining({ pid: 0 }),
  ]);
});

it('leaves no password of a role in the log of that server', () => {
  const log = readFileSync(join(directory, 'postgres', 'postgres.log'), 'utf8');
  expect(log).toContain('alter role kf_worker');
  for (const role of ['kf_owner', 'kf_store', 'kf_worker', 'kf_auth', 'kf_reader', 'kf_identity']) {
    const file = join(stack.directory, '.keyfleet', 'secrets', `database-${role}-password`);
    expect([role, log.includes(readFileSync(file, 'utf8').trim())]).toEqual([role, false]);
  }
});

it('leaves both running when it ends, and finds its data there again', async () => {
  const before = stack.run.orgs;
  await stack.stop();
  expect(postgres.pid).toBeGreaterThan(0);
  stack = await Stack.start({
    directory: stack.directory,
    agents: 1,
    env: { KEYFLEET_POSTGRES_URL: postgres.url, KEYFLEET_REDIS_URL: redis.url },
  });
  expect(stack.run.orgs).toEqual(before);
}, 240_000);
