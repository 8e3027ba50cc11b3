import { startRedis } from '@keyfleet/embedded';
import { temporaryDirectory, testRedis } from '@keyfleet/testing';
import { Queue, QueueEvents, Worker } from 'bullmq';
import {
  checkRedis,
  createProducerConnection,
  createWorkerConnection,
  JOB_DEFAULTS,
  WORKER_DEFAULTS,
} from './redis.js';

jest.setTimeout(60_000);

describe('Redis', () => {
  it('F22: one that evicts is refused, and it is said how much one forgets when killed', async () => {
    const server = await testRedis();
    const redis = createWorkerConnection(server.url);
    await redis.config('SET', 'save', '');
    await redis.config('SET', 'appendonly', 'no');
    expect(await checkRedis(redis)).toBe('none');
    await redis.config('SET', 'save', '3600 1');
    expect(await checkRedis(redis)).toBe('snapshots');
    await redis.config('SET', 'appendonly', 'yes');
    expect(await checkRedis(redis)).toBe('aof');
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(checkRedis(redis)).rejects.toThrow('noeviction');
    await redis.quit();
    await server.kill();
  });

  it('F25: who puts jobs in is told at once that Redis is away, and jobs flow when it is there', async () => {
    const directory = temporaryDirectory('redis');
    const server = await startRedis({ directory, persistent: false });
    const producer = createProducerConnection(server.url);
    const workerConnection = createWorkerConnection(server.url);
    const eventsConnection = createWorkerConnection(server.url);
    const queue = new Queue('test', { connection: producer, defaultJobOptions: JOB_DEFAULTS });
    const worker = new Worker('test', async (job) => job.data.n * 2, {
      connection: workerConnection,
      ...WORKER_DEFAULTS,
    });
    const events = new QueueEvents('test', { connection: eventsConnection });
    queue.on('error', () => {});
    await Promise.all([queue.waitUntilReady(), worker.waitUntilReady(), events.waitUntilReady()]);
    const job = await queue.add('double', { n: 21 });
    expect(await job.waitUntilFinished(events, 10_000)).toBe(42);
    await Promise.all([worker.close(), events.close()]);
    await server.stop();
    const before = performance.now();
    await expect(queue.add('double', { n: 1 })).rejects.toThrow();
    expect(performance.now() - before).toBeLessThan(3_000);
    for (const connection of [producer, workerConnection, eventsConnection]) connection.disconnect();
    await queue.close();
  });
});
