import { freePort } from '@keyfleet/embedded';
import { serviceSettings, TestBroker } from '@keyfleet/messaging/testing';
import { migrate } from '@keyfleet/read-store';
import {
  createTestDatabase,
  type ServiceProcess,
  startService,
  type TestDatabase,
  testRedis,
  waitFor,
} from '@keyfleet/testing';
import { Redis } from 'ioredis';
import { SETS } from './testing/stage.js';

let database: TestDatabase;
let broker: TestBroker;
let redis: Awaited<ReturnType<typeof testRedis>>;

beforeAll(async () => {
  database = await createTestDatabase();
  await migrate({ ownerUrl: database.url, sets: SETS });
  [broker, redis] = await Promise.all([TestBroker.start(), testRedis()]);
}, 90_000);

afterAll(async () => {
  await redis?.stop();
  await broker?.stop();
  await database?.drop();
});

async function start(changes: Record<string, string> = {}): Promise<ServiceProcess> {
  return startService({
    app: 'policy',
    port: await freePort(),
    settings: {
      ...(await serviceSettings(broker, 'policy')),
      KEYFLEET_DATABASE__STORE_URL_FILE: database.urlFor('kf_store'),
      KEYFLEET_DATABASE__WORKER_URL_FILE: database.urlFor('kf_worker'),
      KEYFLEET_REDIS__URL_FILE: redis.url,
      ...changes,
    },
  });
}

describe('policy as a process', () => {
  it('is ready when all it works with is there, says what is not, and ends cleanly', async () => {
    const service = await start();
    await waitFor(async () => Object.keys(await service.failing()).length === 0, { ceilingMs: 30_000 });
    await broker.server.kill();
    await waitFor(async () => 'broker' in (await service.failing()), { ceilingMs: 30_000 });
    await broker.restart();
    await waitFor(async () => Object.keys(await service.failing()).length === 0, { ceilingMs: 60_000 });
    expect(service.logs()).not.toContain(new URL(redis.url).password);
    await service.process.stop();
    expect(await service.process.exited).toEqual({ code: 0, signal: null });
  }, 120_000);

  it('F22: does not start with a Redis that evicts', async () => {
    const admin = new Redis(redis.url);
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const service = await start();
    expect(await service.process.exited).toMatchObject({ code: 1 });
    expect(service.logs()).toContain('evicts keys');
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    admin.disconnect();
  }, 60_000);

  it('names every setting that is missing or wrong, and no value', async () => {
    const wrong = start({ KEYFLEET_REDIS__URL_FILE: 'http://user:hunter2@redis', KEYFLEET_NATS__URL: '' });
    await expect(wrong).rejects.toThrow(/redis\.url[\s\S]*nats\.url|nats\.url[\s\S]*redis\.url/);
    await expect(wrong).rejects.not.toThrow(/hunter2/);
  }, 60_000);
});
