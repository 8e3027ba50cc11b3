import { Redis, type RedisOptions } from 'ioredis';

/**
 * Two ways to use Redis, never mixed. Who puts jobs in answers somebody: it fails at once while Redis is away, and the
 * row it would have woken is found by a sweeper. Who works them off waits for Redis to come back.
 */
const PRODUCER: RedisOptions = { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 2_000 };
/** BullMQ blocks on its connection and insists on this. */
const WORKER: RedisOptions = { maxRetriesPerRequest: null, enableReadyCheck: false };

const retryStrategy = (attempt: number) => Math.random() * Math.min(100 * 2 ** attempt, 5_000);

/** Connection for `new Queue(name, { connection })`. Await `ready` or expect the first calls to fail fast. */
export function createProducerConnection(url: string, onError: (error: Error) => void = () => {}): Redis {
  return new Redis(url, { ...PRODUCER, retryStrategy }).on('error', onError);
}

/** Connection for `new Worker(name, handler, { connection, ...WORKER_DEFAULTS })`. */
export function createWorkerConnection(url: string, onError: (error: Error) => void = () => {}): Redis {
  return new Redis(url, { ...WORKER, retryStrategy }).on('error', onError);
}

/**
 * With BullMQ's own limit of one, two killed workers turn a job with attempts left into a failed one. Attempts are
 * counted in the store, so a job is simply picked up again, however often its worker dies.
 */
export const WORKER_DEFAULTS = { maxStalledCount: 1_000_000, stalledInterval: 5_000 } as const;

/** Jobs are wake-up calls: what happened is in the event store, so few are kept. */
export const JOB_DEFAULTS = {
  attempts: 1,
  removeOnComplete: { count: 1_000, age: 24 * 3_600 },
  removeOnFail: { count: 1_000, age: 7 * 24 * 3_600 },
} as const;

/** How much of what was acknowledged a Redis still knows after it was killed. */
export type RedisMemory = 'aof' | 'snapshots' | 'none';

/**
 * Refuses a Redis that evicts (it would drop jobs and limits under memory pressure) and says how much it forgets when
 * killed, for a warning. Throws where the answer cannot be had.
 */
export async function checkRedis(redis: Pick<Redis, 'info' | 'config'>): Promise<RedisMemory> {
  const info = await redis.info();
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const policy = field('maxmemory_policy');
  if (policy !== 'noeviction')
    throw new Error(
      `This Redis evicts keys (maxmemory-policy ${policy ?? 'unknown'}); Keyfleet needs noeviction.`,
    );
  if (field('aof_enabled') === '1') return 'aof';
  return (await snapshots(redis)) ? 'snapshots' : 'none';
}

async function snapshots(redis: Pick<Redis, 'config'>): Promise<boolean> {
  try {
    const answer = await redis.config('GET', 'save');
    return Array.isArray(answer) && String(answer[1]).trim() !== '';
  } catch {
    // Hosted servers forbid CONFIG, and snapshot.
    return true;
  }
}
