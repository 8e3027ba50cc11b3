import type { Metrics } from '@keyfleet/platform';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Sampler } from './sampler.js';

export interface RedisMetricsOptions {
  readonly metrics: Metrics;
  readonly redis: Pick<Redis, 'info' | 'status'>;
  /** The queues this service works with, looked at whenever the page is asked for. */
  readonly queues?: () => readonly Pick<Queue, 'name' | 'getJobCounts' | 'getJobs'>[];
}

/** States of a job that is not done yet, and of one that will not be. */
const STATES = ['waiting', 'active', 'delayed', 'prioritized', 'failed'] as const;

/** Redis as this process sees it, and the queues that live there. */
export function redisMetrics({ metrics, redis, queues = () => [] }: RedisMetricsOptions): void {
  const info = new Sampler({ take: async () => fieldsOf(await redis.info()) });
  metrics.gauge({
    name: 'keyfleet_redis_up',
    help: '1 while Redis answers this process.',
    async collect() {
      this.set((await info.sample()) ? 1 : 0);
    },
  });
  const gauge = (name: string, help: string, field: string): void => {
    metrics.gauge({
      name,
      help,
      async collect() {
        this.reset();
        const value = Number((await info.sample())?.get(field));
        if (Number.isFinite(value)) this.set(value);
        else this.remove();
      },
    });
  };
  gauge('keyfleet_redis_memory_bytes', 'Memory Redis uses for its keys.', 'used_memory');
  gauge('keyfleet_redis_memory_max_bytes', 'Memory Redis may use; 0 for as much as there is.', 'maxmemory');
  gauge(
    'keyfleet_redis_evicted_keys',
    'Keys Redis dropped for want of memory since it started; anything but 0 has lost jobs and limits.',
    'evicted_keys',
  );
  queueMetrics(metrics, queues);
}

function queueMetrics(metrics: Metrics, queues: Required<RedisMetricsOptions>['queues']): void {
  const sampler = new Sampler({
    take: () =>
      Promise.all(
        queues().map(async (queue) => {
          const [counts, [oldest]] = await Promise.all([
            queue.getJobCounts(...STATES),
            queue.getJobs(['waiting', 'prioritized'], 0, 0, true),
          ]);
          return { queue: queue.name, counts, since: oldest ? oldest.timestamp + (oldest.delay ?? 0) : null };
        }),
      ),
  });
  metrics.gauge({
    name: 'keyfleet_queue_jobs',
    help: 'Jobs in a queue, by state.',
    labelNames: ['queue', 'state'],
    async collect() {
      this.reset();
      for (const { queue, counts } of (await sampler.sample()) ?? [])
        for (const state of STATES) this.set({ queue, state }, counts[state] ?? 0);
    },
  });
  metrics.gauge({
    name: 'keyfleet_queue_oldest_waiting_seconds',
    help: 'How long the oldest job that could be worked on has waited; 0 where none waits.',
    labelNames: ['queue'],
    async collect() {
      this.reset();
      for (const { queue, since } of (await sampler.sample()) ?? [])
        this.set({ queue }, since === null ? 0 : Math.max(0, (Date.now() - since) / 1_000));
    },
  });
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    [...info.matchAll(/^([a-z_]+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}
