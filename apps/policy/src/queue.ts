import { setTimeout as delay } from 'node:timers/promises';
import { checkRedis, createProducerConnection } from '@keyfleet/messaging';
import type { Logger } from '@keyfleet/platform';
import type { Redis } from 'ioredis';

export interface QueueOptions {
  readonly url: string;
  readonly logger: Pick<Logger, 'warn'>;
  readonly signal: AbortSignal;
}

const RETRY_MS = 1_000;

export function openQueue({ url, logger }: QueueOptions): Redis {
  return createProducerConnection(url, (err) => logger.warn({ err: err.name }, 'Redis is away'));
}

/**
 * Waits until Redis answers. Throws where it may drop jobs under memory pressure; one that forgets them when killed is
 * only said so: jobs are made again from the event store.
 */
export async function admitQueue(redis: Redis, { logger, signal }: QueueOptions): Promise<void> {
  while (!(await answers(redis))) await delay(RETRY_MS, undefined, { signal });
  const memory = await checkRedis(redis);
  if (memory !== 'aof') logger.warn({ memory }, 'Redis forgets what it was told lately when it is killed');
}

function answers(redis: Redis): Promise<boolean> {
  return redis.ping().then(
    () => true,
    () => false,
  );
}
