import { randomUUID } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../access/sign-in-limits.js';
import type { OnLimited } from '../http/edge-metrics.js';

const REFUSALS = 20;
const WINDOW_SECONDS = 15 * 60;
/**
 * Under way at once over all replicas. The registry does a few at a time and lets the others wait, which is dearer for
 * nobody than another TLS handshake is; more than it does within a command's time limit would time out there.
 */
const CONCURRENT = 256;
/** Spread, so that those who were refused together do not come back together. */
const AGAIN_MS = { least: 1_000, spread: 4_000 };
/** A replica that dies gives its places back after this. */
const PLACE_TTL_MS = 15_000;
const PLACES_KEY = 'keyfleet:enrolment:places';

/** Takes a place in one step: drops the places of the dead, then adds this one if there is room. */
const TAKE_PLACE = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`;

/** Who guesses at tokens must not shut out agents that come to renew from the same network. */
export type AgentDoor = 'enrol' | 'renew';

export interface EnrolmentLimitOptions {
  readonly redis: Redis;
  readonly now: () => number;
  readonly onLimited?: OnLimited;
}

/** Guards the two public agent doors: refused attempts per network, and a bound on how many run at once. */
export class EnrolmentLimits {
  readonly #redis: Redis;
  readonly #now: () => number;
  readonly #refusals: Readonly<Record<AgentDoor, RateLimiterRedis>>;
  readonly #onLimited: OnLimited;

  constructor(options: EnrolmentLimitOptions) {
    this.#redis = options.redis;
    this.#now = options.now;
    this.#onLimited = options.onLimited ?? (() => {});
    const refusals = (keyPrefix: string) =>
      new RateLimiterRedis({
        storeClient: options.redis,
        keyPrefix,
        points: REFUSALS,
        duration: WINDOW_SECONDS,
      });
    this.#refusals = {
      enrol: refusals('keyfleet:enrolment:refused'),
      renew: refusals('keyfleet:renewal:refused'),
    };
  }

  /** Throws `rate.limited` where a network was refused too often at this door of late. */
  async assertOpen(door: AgentDoor, ip: string): Promise<void> {
    const state = await this.#refusals[door].get(networkOf(ip)).catch(unavailable);
    if (state !== null && state.consumedPoints >= REFUSALS) {
      this.#onLimited('enrolment-network');
      throw new KeyfleetError('rate.limited', { retryAfterMs: state.msBeforeNext });
    }
  }

  async refused(door: AgentDoor, ip: string): Promise<void> {
    await this.#refusals[door].consume(networkOf(ip)).catch((error: unknown) => {
      if (!(error instanceof RateLimiterRes)) unavailable();
    });
  }

  /** Throws `enrolment.busy` where all places are taken; give the place back with what it returns. */
  async enter(): Promise<() => Promise<void>> {
    const place = randomUUID();
    const now = this.#now();
    const taken = await this.#redis
      .eval(TAKE_PLACE, 1, PLACES_KEY, now, CONCURRENT, now + PLACE_TTL_MS, place, PLACE_TTL_MS * 2)
      .catch(unavailable);
    if (taken !== 1) {
      this.#onLimited('enrolment-places');
      const retryAfterMs = AGAIN_MS.least + Math.floor(Math.random() * AGAIN_MS.spread);
      throw new KeyfleetError('enrolment.busy', { retryAfterMs });
    }
    return async () => {
      // Failing to give it back is harmless: the place expires by itself.
      await this.#redis.zrem(PLACES_KEY, place).catch(() => undefined);
    };
  }
}

function unavailable(): never {
  throw new KeyfleetError('store.unavailable');
}
