import { createHash } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { OnLimited } from '../http/edge-metrics.js';

const FAILURES = 5;
/** Everybody behind one network together: generous, so that one office is not locked out by one colleague. */
const NETWORK_FAILURES = 100;
const WINDOW_SECONDS = 15 * 60;

/** Failed sign-ins by account and network, counted in Redis so that every replica counts the same. */
export class SignInLimits {
  readonly #byAccount: RateLimiterRedis;
  readonly #byNetwork: RateLimiterRedis;
  readonly #onLimited: OnLimited;

  constructor(redis: Redis, onLimited: OnLimited = () => {}) {
    this.#onLimited = onLimited;
    const options = { storeClient: redis, duration: WINDOW_SECONDS };
    this.#byAccount = new RateLimiterRedis({
      ...options,
      keyPrefix: 'keyfleet:sign-in:account',
      points: FAILURES,
    });
    this.#byNetwork = new RateLimiterRedis({
      ...options,
      keyPrefix: 'keyfleet:sign-in:network',
      points: NETWORK_FAILURES,
    });
  }

  /** Counts an attempt before it is made, so that parallel guesses cannot pass the bound; success gives it back. */
  async attempt(email: string, ip: string): Promise<{ succeeded(): Promise<void> }> {
    const network = networkOf(ip);
    const account = createHash('sha256').update(`${email.toLowerCase()} ${network}`).digest('hex');
    await consume(this.#byNetwork, network, () => this.#onLimited('sign-in-network'));
    await consume(this.#byAccount, account, () => this.#onLimited('sign-in-account'));
    return {
      succeeded: async () => {
        await Promise.all([this.#byAccount.delete(account), this.#byNetwork.reward(network, 1)]);
      },
    };
  }
}

async function consume(limiter: RateLimiterRedis, key: string, onLimited: () => void): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refused) {
    if (refused instanceof RateLimiterRes) {
      onLimited();
      throw new KeyfleetError('rate.limited', { retryAfterMs: refused.msBeforeNext });
    }
    // Without the counter there is no sign-in: an outage must not lift the limit.
    throw new KeyfleetError('store.unavailable');
  }
}

/** /24 of IPv4 and /48 of IPv6: an attacker owns more than one address of it. */
export function networkOf(ip: string): string {
  const v4 = ip.replace(/^::ffff:/, '');
  if (/^\d+\.\d+\.\d+\.\d+$/.test(v4)) return v4.split('.').slice(0, 3).join('.');
  return expandV6(ip).slice(0, 3).join(':');
}

function expandV6(ip: string): string[] {
  const [head = '', tail] = (ip.split('%', 1)[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: gap }, () => '0'), ...right];
}
