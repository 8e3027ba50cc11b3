import type { Clock, ErrorCode } from '@keyfleet/kernel';
import type { Connection } from './connection.js';
import type { LinkLogger } from './host.js';
import { type RenewOptions, type RenewOutcome, renewOverBroker, renewOverHttps } from './identity/renew.js';
import type { IdentityStore, StoredIdentity } from './identity/store.js';
import { validity } from './identity/validity.js';
import { backoff, fullJitter, type Pace } from './pace.js';
import { Signal } from './signal.js';

export interface RenewalOptions {
  readonly store: IdentityStore;
  readonly config: RenewOptions['config'];
  readonly connection: Connection;
  readonly pace: Pace;
  readonly random: () => number;
  readonly clock: Clock;
  readonly logger: LinkLogger;
  onRevoked(): void;
  onRenewed(): void;
}

/** How often it is looked whether renewal is due, and rested after one: wall clocks are set, machines sleep. */
const LOOK_MS = 30_000;
/** A broker that refuses fresh credentials too has a reason that renewing does not remove. */
const REFUSED_AGAIN_MS = 600_000;
/** So long, give or take half, a broker may take to know its agents again. */
const UNCLEAR_MS = 120_000;
/** Where renewing fails all the same, a broker that is there says no more for so long, give or take half. */
const HEARTENED_AGAIN_MS = 300_000;
const AGAIN = { firstMs: 2_000, ceilingMs: 300_000 };
const BUSY: ErrorCode = 'enrolment.busy';
/** Whoever is there and has only much to do would stand idle while we sit out a longer pause. */
const AGAIN_WHERE_BUSY = { firstMs: 2_000, ceilingMs: 20_000 };
/** A revoked agent asks rarely: somebody would have to take the revocation back. */
const REVOKED_MS = 6 * 3_600_000;

/** When to renew: at half of the life, 10 % earlier or later, so that agents enrolled together do not renew together. */
function dueIn(identity: StoredIdentity | undefined, spread: number, now: number): number {
  if (!identity) return LOOK_MS;
  if (identity.revokedAt) return 0;
  const { from, until } = validity(identity, now);
  return from + (until - from) * (0.5 + (spread - 0.5) * 0.1) - now;
}

/** Keeps the credentials good: at half-life, when the broker refuses them, and after they have expired. */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #asked = new Signal();
  #spread: number;
  #failures = 0;
  #unknown = false;
  #restUntil = Number.NEGATIVE_INFINITY;
  #heededAt = Number.NEGATIVE_INFINITY;
  #heartenedAt = Number.NEGATIVE_INFINITY;
  /** Since the first refusal after the last connection. */
  #patience: { readonly until: number } | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#spread = options.random();
  }

  /**
   * The broker refused us. Where it says that our credentials have ended, that is so whatever our clock says. Otherwise
   * it may only not know us yet, as after its own restart: then a fleet must not renew all at once for nothing.
   */
  refused(clear: boolean): void {
    const { clock, pace, random } = this.#options;
    const now = clock.monotonic();
    this.#patience ??= { until: now + pace.real(UNCLEAR_MS * (0.5 + random())) };
    if (!clear && now < this.#patience.until) return;
    if (now - this.#heededAt < pace.real(REFUSED_AGAIN_MS * (0.5 + random()))) return;
    this.#heededAt = now;
    this.#asked.set();
  }

  /**
   * The control plane does not know us: it was restored from before we were enrolled. Renewing over HTTPS shows it what
   * it gave us then. Tried until it succeeds.
   */
  unknown(): void {
    this.#unknown = true;
    this.#asked.set();
  }

  /**
   * Where our credentials have ended, the broker's return means that the outage we could not renew in may be over: we
   * do not sit out a pause that grew while it lasted. Each agent learns of it at its own moment of the window.
   */
  brokerIsThere(): void {
    const { store, clock, pace, random } = this.#options;
    const { current } = store;
    if (!current || validity(current, clock.now()).until > clock.now()) return;
    const now = clock.monotonic();
    if (now - this.#heartenedAt < pace.real(HEARTENED_AGAIN_MS * (0.5 + random()))) return;
    this.#heartenedAt = now;
    this.#failures = 0;
    this.#asked.set();
  }

  connected(): void {
    this.#patience = undefined;
    this.#heartenedAt = Number.NEGATIVE_INFINITY;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, pace, connection } = this.#options;
    while (!signal.aborted) {
      const { count } = this.#asked;
      const identity = store.current;
      const due = Math.max(dueIn(identity, this.#spread, clock.now()), this.#restUntil - clock.monotonic());
      const look = this.#unknown ? 0 : Math.min(pace.real(LOOK_MS), due);
      if (look <= 0) await this.#renew(signal, { overBroker: connection.connected && !this.#unknown });
      // Whoever is refused has no connection for long.
      else if (await this.#wasRefused(count, look, signal)) await this.#renew(signal, { overBroker: false });
    }
  }

  /** True where the broker refused us, or showed that it is back, within so long. */
  async #wasRefused(count: number, ms: number, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const timer = setTimeout(() => over.abort(), ms);
    timer.unref();
    await this.#asked.after(count, either);
    clearTimeout(timer);
    return this.#asked.count !== count && !signal.aborted;
  }

  async #renew(signal: AbortSignal, by: { readonly overBroker: boolean }): Promise<void> {
    const { store, config, clock, connection } = this.#options;
    const options: RenewOptions = { store, config, clock, signal };
    const overBroker = by.overBroker ? await renewOverBroker(options, connection) : undefined;
    const answered = overBroker && (overBroker.kind !== 'later' || overBroker.retryAfterMs !== undefined);
    await this.#settle(answered ? overBroker : await renewOverHttps(options), signal);
  }

  /** A clock that leaps to and fro leads to no storm; credentials that are short-lived are renewed in time all the same. */
  #rest(identity: StoredIdentity): void {
    const { clock, pace } = this.#options;
    const { from, until } = validity(identity, clock.now());
    this.#restUntil = clock.monotonic() + Math.min(pace.real(LOOK_MS), (until - from) / 4);
  }

  async #settle(outcome: RenewOutcome, signal: AbortSignal): Promise<void> {
    const { connection, logger, pace, random, onRevoked, onRenewed } = this.#options;
    const { count } = this.#asked;
    if (outcome.kind !== 'later') this.#unknown = false;
    if (outcome.kind === 'renewed') {
      this.#failures = 0;
      this.#spread = random();
      this.#rest(outcome.identity);
      logger.info({ expiresAt: outcome.identity.expiresAt }, 'The certificate was renewed.');
      onRenewed();
      // Where it is not open yet, as after a revocation was taken back, it stays open from here on.
      if (!(await connection.replace())) void connection.open();
      return;
    }
    if (outcome.kind === 'revoked') {
      logger.error({}, 'This agent was revoked; it goes on locally and needs a new enrolment.');
      onRevoked();
      await connection.leave();
      await pace.sleep(REVOKED_MS * (0.5 + random()), signal);
      return;
    }
    this.#failures += 1;
    logger.warn({ reason: outcome.reason }, 'The certificate could not be renewed; it is tried again.');
    const { reason, retryAfterMs = 0 } = outcome;
    const wait = fullJitter(backoff(this.#failures, reason === BUSY ? AGAIN_WHERE_BUSY : AGAIN), random);
    await pace.sleep(retryAfterMs, signal);
    await this.#wasRefused(count, pace.real(Math.max(wait - retryAfterMs, 0)), signal);
  }
}
