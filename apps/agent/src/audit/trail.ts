import { AccessDenied, HealthChanged, ValueInNameFound } from '@keyfleet/contracts/events';
import { type Clock, isKeyfleetError, KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import { failpoint } from '@keyfleet/platform';
import type { GuardedNames, NameGuard } from '../names/guard.js';
import type { Change, PreparedEvent, UsageClass, VaultStorage } from '../storage/port.js';
import type { Health } from '../vault/health.js';
import { type Operation, RequestClasses } from './classes.js';
import { DenialLimit } from './denials.js';
import type { AuditLine } from './entry.js';
import { Held } from './held.js';
import { prepareEvent } from './prepare.js';
import { type DenialReason, type Result, resultOf } from './result.js';
import { isStranger, leftOutLine, StrangerLines } from './strangers.js';

export interface TrailOptions {
  readonly storage: VaultStorage;
  readonly guard: NameGuard;
  readonly health: Health;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Lines kept in memory at most while the disk refuses; those of strangers have a small room beside it. */
  readonly maxHeld?: number;
}

const MAX_HELD = 50_000;

/**
 * Nothing is answered before it is on record. A change, its entry in the journal, its audit line and its count are one
 * transaction; a read waits for the commit of its line.
 *
 * While the disk refuses, changes are refused too. Reads go on: their lines are held in memory, up to a limit, and
 * written before anything else once the disk is back.
 *
 * Strangers get a share of the lines, past which they are only counted; one line says how many were left out.
 */
export class Trail {
  readonly #options: TrailOptions;
  readonly #classes = new RequestClasses();
  readonly #denials = new DenialLimit();
  readonly #strangers = new StrangerLines();
  readonly #held: Held;
  #whenDegraded: PreparedEvent | undefined;

  constructor(options: TrailOptions) {
    this.#options = options;
    this.#held = new Held(options.maxHeld ?? MAX_HELD, () => this.#strangers.leaveOut());
  }

  /** Audit lines that wait in memory for a disk that refuses. */
  get heldLines(): number {
    return this.#held.lines;
  }

  now(): string {
    return toTimestamp(this.#options.clock.now());
  }

  /** A change that was allowed. `tell` makes its events with names that may leave. */
  async commit(
    operation: Operation,
    change: Pick<Change, 'secrets' | 'keys' | 'apiKeys' | 'seal'> & { readonly version?: number },
    tell: (names: GuardedNames, at: string) => PreparedEvent[],
  ): Promise<void> {
    const { storage, health, guard } = this.#options;
    if (health.storage === 'degraded') throw new KeyfleetError('vault.degraded', { retryAfterMs: 5_000 });
    const { version = null, ...parts } = change;
    const result = { outcome: 'allowed', code: null, version } as const;
    const record = this.#record(operation, result, (names, at) => tell(names, at));
    await failpoint('vault.before-commit');
    try {
      await storage.apply({ ...parts, ...record });
    } catch (error) {
      guard.tellAgain();
      throw error;
    }
    await failpoint('vault.after-commit');
  }

  /** A read that was allowed. */
  async read(operation: Operation, version: number | null = null): Promise<void> {
    await this.#write(operation, this.#record(operation, { outcome: 'allowed', code: null, version }));
  }

  /** Whatever ended otherwise; the error is then thrown by the caller. */
  async failed(operation: Operation, error: unknown): Promise<void> {
    const result = resultOf(operation, error);
    const { reason } = result;
    const tell = reason && !this.#options.guard.sealed ? this.#denied(operation, result, reason) : undefined;
    await this.#write(operation, this.#record(operation, result, tell));
  }

  /**
   * Puts on record how many lines of strangers were left out, once a minute at most, and the `last` time whenever that
   * is. Rejects with `vault.degraded` where the disk refuses; it is said later then.
   */
  async tellLeftOut({ last = false } = {}): Promise<void> {
    if (this.#options.health.storage === 'degraded') return;
    const at = this.now();
    const count = this.#strangers.takeLeftOut(minuteOf(at), last);
    if (count === 0) return;
    try {
      await this.#options.storage.apply({ audit: [leftOutLine(count, at)] });
    } catch (error) {
      this.#strangers.untold(count);
      throw error;
    }
  }

  /** The disk refused; told once it takes it. */
  degraded(): void {
    const { health } = this.#options;
    if (health.storage === 'degraded') return;
    health.storage = 'degraded';
    this.#whenDegraded = this.healthEvent();
  }

  healthEvent(): PreparedEvent {
    const { storage, seal } = this.#options.health;
    return prepareEvent(HealthChanged, { storage, seal }, this.now());
  }

  /** Writes what was held and, with it, that the disk is back. Rejects with `vault.degraded` where it is not. */
  async recover(): Promise<void> {
    const { storage, health } = this.#options;
    if (health.storage === 'ok') return;
    await this.#writeHeld();
    const back = prepareEvent(HealthChanged, { storage: 'ok', seal: health.seal }, this.now());
    await storage.apply({ events: this.#whenDegraded ? [this.#whenDegraded, back] : [back] });
    this.#whenDegraded = undefined;
    await this.#writeHeld();
    health.storage = 'ok';
  }

  async #writeHeld(): Promise<void> {
    await this.#held.write((change) => this.#options.storage.apply(change));
  }

  async #write({ caller }: Operation, change: Change): Promise<void> {
    const { storage, health } = this.#options;
    try {
      if (health.storage === 'ok') return await storage.apply(change);
    } catch (error) {
      if (!isKeyfleetError(error, 'vault.degraded')) throw error;
      this.degraded();
    }
    if (!this.#held.add(change, isStranger(caller)))
      throw new KeyfleetError('vault.degraded', { retryAfterMs: 5_000 });
  }

  #record(
    operation: Operation,
    result: Result,
    tell?: (names: GuardedNames, at: string) => PreparedEvent[],
  ): Change {
    const at = this.now();
    const minute = minuteOf(at);
    const of = this.#classOf(operation, result, minute);
    const admitted = !isStranger(operation.caller) || this.#strangers.admits(this.#options.clock.monotonic());
    return {
      ...(admitted && { audit: [lineOf(operation, result, at)] }),
      usage: [{ minute, of, count: 1 }],
      ...(tell && { events: this.#tell(tell, at) }),
    };
  }

  /** Whoever was refused before a policy was asked was so under none: what strangers try is not held against it. */
  #classOf(operation: Operation, { outcome, policyVersion }: Result, minute: string): UsageClass {
    const decidedBy = policyVersion ?? operation.policyVersion ?? null;
    return this.#classes.of({ ...operation, policyVersion: decidedBy }, outcome, minute);
  }

  #tell(tell: (names: GuardedNames, at: string) => PreparedEvent[], at: string): PreparedEvent[] {
    const names = this.#options.guard.names();
    const events = tell(names, at);
    const found = names.findings.map((finding) => prepareEvent(ValueInNameFound, finding, at));
    return [...events, ...found];
  }

  #denied(operation: Operation, result: Result, reason: DenialReason) {
    const minute = minuteOf(this.now());
    const of = this.#classOf(operation, result, minute);
    const kind = `${reason}\n${Object.values(of).join('\n')}`;
    if (!this.#denials.admits(minute, kind, isStranger(operation.caller))) return undefined;
    return (names: GuardedNames, at: string) => {
      const { outcome: _o, policyVersion: _p, ...requested } = guardedClass(of, names);
      return [prepareEvent(AccessDenied, { ...requested, reason }, at)];
    };
  }
}

/** A class with names that may leave. */
export function guardedClass(of: UsageClass, names: GuardedNames): UsageClass {
  return {
    ...of,
    secret: of.secret === null ? null : names.path(of.secret),
    principal: names.principal(of.principal),
    groups: of.groups.map((group) => names.group(group)),
    client: of.client === null ? null : names.client(of.client),
  };
}

export function minuteOf(at: string): string {
  return `${at.slice(0, 17)}00.000Z`;
}

/** The audit line of an operation. */
export function lineOf(
  { caller, action, path }: Operation,
  { outcome, code, version }: Result,
  at: string,
): AuditLine {
  const { principal, method, address, client, traceId } = caller;
  return { at, action, path, version, principal, method, address, client, outcome, code, traceId };
}
