import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createMetrics, type Metrics } from '@keyfleet/platform';
import { beginTransaction, closeSql, createSql } from '@keyfleet/postgres';
import { createTestDatabase, temporaryDirectory, testRedis, waitFor } from '@keyfleet/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { BrokerMetrics } from './broker.js';
import { certificateMetrics } from './certificates.js';
import { clockMetrics } from './clock.js';
import { poolMetrics } from './pools.js';
import { redisMetrics } from './redis.js';
import { Sampler } from './sampler.js';
import { storeMetrics } from './store.js';

/** Series of a page, by how they are written there. */
async function shown({ registry }: Metrics): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

const fresh = (): Metrics => createMetrics({ service: 'test', version: '1', runtime: false });

describe('a sampler', () => {
  it('asks once for all who want to know at one time, and never twice at a time', async () => {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<number>();
    const sampler = new Sampler({ take: () => ((asked += 1), promise), freshMs: 0, timeoutMs: 5 });
    // What hangs is waited for shortly, and not asked again while it does.
    expect(await Promise.all([sampler.sample(), sampler.sample()])).toEqual([undefined, undefined]);
    expect(await sampler.sample()).toBeUndefined();
    expect(asked).toBe(1);
    resolve(7);
    await promise;
    await delay(1);
    expect(await sampler.sample()).toBe(7);
  });

  it('has nothing to say where it cannot ask, and asks again', async () => {
    let fails = true;
    const sampler = new Sampler({
      take: async () => (fails ? Promise.reject(new Error('away')) : 1),
      freshMs: -1,
    });
    expect(await sampler.sample()).toBeUndefined();
    fails = false;
    await waitFor(async () => (await sampler.sample()) === 1);
  });
});

describe('what is measured', () => {
  it('of a store is one observation per group, and what is in flight ends at nothing', async () => {
    const metrics = fresh();
    const onStep = storeMetrics(metrics);
    onStep({ step: 'group-sent', appends: 3, events: 30 });
    expect(await shown(metrics)).toMatchObject({ keyfleet_store_appends_in_flight: 3 });
    onStep({ step: 'group-committed', appends: 3, events: 30, conflicts: 1, ms: 4 });
    onStep({ step: 'group-sent', appends: 2, events: 2 });
    onStep({ step: 'failed', link: 'keyfleet-registry write', code: '57P01' });
    onStep({ step: 'group-failed', appends: 2 });
    expect(await shown(metrics)).toMatchObject({
      keyfleet_store_appends_in_flight: 0,
      keyfleet_store_append_seconds_count: 1,
      keyfleet_store_group_events_sum: 30,
      keyfleet_store_conflicts_total: 1,
      'keyfleet_store_failures_total{kind="write"}': 1,
    });
  });

  it('of a pool is who holds a connection and who waits for one', async () => {
    const database = await createTestDatabase();
    const sql = createSql({ url: database.url, applicationName: 'measured', max: 1 });
    const metrics = fresh();
    poolMetrics(metrics, [sql]);
    const first = await beginTransaction(sql);
    const second = beginTransaction(sql);
    const transactions = (state: string) =>
      `keyfleet_database_transactions{pool="measured",state="${state}"}`;
    expect(await shown(metrics)).toMatchObject({ [transactions('open')]: 1, [transactions('waiting')]: 1 });
    await first.commit();
    await (await second).rollback();
    await waitFor(async () => (await shown(metrics))[transactions('open')] === 0);
    expect(await shown(metrics)).toMatchObject({ [transactions('waiting')]: 0 });
    await closeSql(sql);
    await database.drop();
  });

  it('F25: of Redis and its queues is what waits, and nothing old while it is away', async () => {
    const server = await testRedis();
    const redis = new Redis(server.url, { maxRetriesPerRequest: 1, retryStrategy: null });
    const connection = new Redis(server.url, { maxRetriesPerRequest: null });
    const name = `test.${process.pid}`;
    const queue = new Queue(name, { connection });
    const metrics = fresh();
    redisMetrics({ metrics, redis, queues: () => [queue] });
    await queue.add('first', {}, { timestamp: Date.now() - 60_000 });
    await queue.add('later', {}, { delay: 60_000 });
    const page = await shown(metrics);
    expect(page).toMatchObject({
      keyfleet_redis_up: 1,
      keyfleet_redis_evicted_keys: 0,
      [`keyfleet_queue_jobs{queue="${name}",state="waiting"}`]: 1,
      [`keyfleet_queue_jobs{queue="${name}",state="delayed"}`]: 1,
    });
    expect(page[`keyfleet_queue_oldest_waiting_seconds{queue="${name}"}`]).toBeGreaterThan(59);
    await queue.obliterate({ force: true });
    redis.disconnect();
    await waitFor(async () => (await shown(metrics))['keyfleet_redis_up'] === 0);
    expect(await shown(metrics)).not.toHaveProperty('keyfleet_redis_memory_bytes');
    await queue.close();
    connection.disconnect();
  });

  it('of certificates is the end of the first to end in a file, and nothing where there is none', async () => {
    const directory = temporaryDirectory('certificates');
    const file = join(directory, 'bundle.crt');
    writeFileSync(file, `${PEM}\n`);
    const metrics = fresh();
    certificateMetrics(metrics, { service: file, ca: join(directory, 'missing.crt'), http: undefined });
    expect(await shown(metrics)).toEqual(
      expect.objectContaining({
        'keyfleet_certificate_expires_timestamp_seconds{certificate="service"}': ENDS,
      }),
    );
    expect(Object.keys(await shown(metrics)).filter((name) => name.includes('certificate'))).toHaveLength(1);
  });

  it('repro-broker-certificate: of brokers is the end of the first to end of what each connection was shown last', async () => {
    const metrics = fresh();
    const onBroker = certificateMetrics(metrics, {});
    const ends = async () =>
      (await shown(metrics))['keyfleet_certificate_expires_timestamp_seconds{certificate="broker"}'];
    expect(await ends()).toBeUndefined();
    onBroker({ connection: 'ingest', certificateEndsAt: 5_000 });
    onBroker({ connection: 'liveness', certificateEndsAt: 7_000 });
    expect(await ends()).toBe(5);
    onBroker({ connection: 'ingest', certificateEndsAt: 9_000 });
    expect(await ends()).toBe(7);
  });

  it('repro-first-of-a-counter: of what alerts ask the increase of is nothing before it first happens', async () => {
    const metrics = fresh();
    storeMetrics(metrics);
    const { onDropped } = new BrokerMetrics(metrics);
    onDropped.listening?.('kf.v1.*.*.hb', ['subject', 'malformed']);
    const dropped = (reason: string) =>
      `keyfleet_messages_dropped_total{channel="kf.v1.*.*.hb",reason="${reason}"}`;
    expect(await shown(metrics)).toMatchObject({
      'keyfleet_store_failures_total{kind="write"}': 0,
      'keyfleet_store_failures_total{kind="read"}': 0,
      [dropped('subject')]: 0,
      [dropped('malformed')]: 0,
    });
    onDropped({ channel: 'kf.v1.*.*.hb', reason: 'subject' });
    expect(await shown(metrics)).toMatchObject({ [dropped('subject')]: 1, [dropped('malformed')]: 0 });
  });

  it('F5: of a clock is a step of its own, and not the time that passes', async () => {
    const metrics = fresh();
    let [wall, monotonic] = [1_000_000, 0];
    const stop = clockMetrics(metrics, { now: () => wall, monotonic: () => monotonic }, 1);
    wall += 60_000;
    monotonic += 60_000;
    await delay(10);
    expect(await shown(metrics)).toMatchObject({ keyfleet_clock_steps_total: 0 });
    wall -= 3_600_000;
    await waitFor(async () => (await shown(metrics))['keyfleet_clock_steps_total'] === 1);
    expect(await shown(metrics)).toMatchObject({ keyfleet_clock_last_step_seconds: -3_600 });
    stop();
  });
});

/** Of nobody; its key was never kept. */
const PEM = `-----BEGIN CERTIFICATE-----
MIIBbjCCAROgAwIBAgIUP5hp0OFNtfNrz16USbgy7VFlXUAwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAeFw0yNjExMjEwNjI5MzNaFw0yNjEyMjEwNjI5MzNaMAwx
CjAIBgNVBAMMAXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR4nkwnX5SuHbZ7
RusXLjMnSuQGtJZvbFgD6a13Dw+Ba82byvSZXemi81kJnkpf0oASpbTJ40MCi1Ox
WlIfW6Nro1MwUTAdBgNVHQ4EFgQUYv9NqZ1j0BKafucE5S+XZDAHrKYwHwYDVR0j
BBgwFoAUYv9NqZ1j0BKafucE5S+XZDAHrKYwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNJADBGAiEA/VvFHlI5/9pVOsRPSYDCzxg5Qq/3XpSJGLESWjH8Z/wC
IQC1rBet5XOXl4Nj3ATiF9WAIhZ4KFx+sdkm4eiUn2G3WQ==
-----END CERTIFICATE-----`;
const ENDS = 1797834573;
