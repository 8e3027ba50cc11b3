import {
  AccessDenied,
  type DENIAL_REASONS,
  HealthChanged,
  ValueInNameFound,
} from '@keyfleet/contracts/events';
import {
  type Clock,
  type ErrorCode,
  isKeyfleetError,
  KeyfleetError,
  kindOf,
  toTimestamp,
} from '@keyfleet/kernel';
import { failpoint } from '@keyfleet/platform';
import type { GuardedNames, NameGuard } from '../names/guard.js';
import type { Change, PreparedEvent, UsageClass, VaultStorage } from '../storage/port.js';
import { isPolicyDenial } from '../vault/denial.js';
import type { Health } from '../vault/health.js';
import { type Operation, RequestClasses } from './classes.js';
import { DenialLimit } from './denials.js';
import type { AuditLine, Outcome } from './entry.js';
import { prepareEvent } from './prepare.js';
import { isStranger } from './strangers.js';

export interface TrailOptions {
  readonly storage: VaultStorage;
  readonly guard: NameGuard;
  readonly health: Health;
  readonly clock: Pick<Clock, 'now'>;
  /** Lines kept in memory at most while the disk refuses. */
  readonly maxHeld?: number;
}

interface Result {
  readonly outcome: Outcome;
  readonly code: ErrorCode | null;
  readonly version: number | null;
  readonly reason?: (typeof DENIAL_REASONS)[number];
  readonly policyVersion?: number;
}

const MAX_HELD = 50_000;

/**
 * Nothing is answered before it is on record. A change, its entry in the journal, its audit line and its count are one
 * transaction; a read waits for the commit of its line.
 *
 * While the disk refuses, changes are refused too. Reads go on: their lines are held in memory, up to a limit, and
 * written before anything else once the disk is back.
 */
export class Trail {
  readonly #options: TrailOptions;
  readonly #classes = new RequestClasses();
  readonly #denials = new DenialLimit();
  #held: Change[] = [];
  #whenDegraded: PreparedEvent | undefined;

  constructor(options: TrailOptions) {
    this.#options = options;
  }

  /** Audit lines that wait in memory for a disk that refuses. */
  get heldLines(): number {
    return this.#held.length;
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
    await this.#write(this.#record(operation, { outcome: 'allowed', code: null, version }));
  }

  /** Whatever ended otherwise; the error is then thrown by the caller. */
  async failed(operation: Operation, error: unknown): Promise<void> {
    const result = understand(operation, error);
    const { reason } = result;
    const tell = reason && !this.#options.guard.sealed ? this.#denied(operation, result, reason) : undefined;
    await this.#write(this.#record(operation, result, tell));
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
    while (this.#held.length > 0) {
      const chunk = this.#held.slice(0, 1_000);
      await this.#options.storage.apply(merged(chunk));
      this.#held.splice(0, chunk.length);
    }
  }

  async #write(change: Change): Promise<void> {
    const { storage, health, maxHeld = MAX_HELD } = this.#options;
    try {
      if (health.storage === 'ok') return await storage.apply(change);
    } catch (error) {
      if (!isKeyfleetError(error, 'vault.degraded')) throw error;
      this.degraded();
    }
    if (this.#held.length >= maxHeld) throw new KeyfleetError('vault.degraded', { retryAfterMs: 5_000 });
    this.#held.push(change);
  }

  #record(
    operation: Operation,
    result: Result,
    tell?: (names: GuardedNames, at: string) => PreparedEvent[],
  ): Change {
    const at = this.now();
    const minute = minuteOf(at);
    const of = this.#classOf(operation, result, minute);
    const change = { audit: [lineOf(operation, result, at)], usage: [{ minute, of, count: 1 }] };
    return tell ? { ...change, events: this.#tell(tell, at) } : change;
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

  #denied(operation: Operation, result: Result, reason: (typeof DENIAL_REASONS)[number]) {
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

function understand({ caller }: Operation, error: unknown): Result {
  const code = isKeyfleetError(error) ? error.code : 'internal.error';
  const version = null;
  if (code === 'auth.required') {
    const reason = caller.credential === 'missing' ? 'no-credential' : 'unknown-credential';
    return { outcome: 'denied', code, version, reason };
  }
  if (isPolicyDenial(error)) {
    const { policyVersion } = error;
    return { outcome: 'denied', code, version, reason: 'denied-by-policy', policyVersion };
  }
  if (code === 'auth.forbidden') return { outcome: 'denied', code, version, reason: 'not-allowed' };
  return { outcome: kindOf(code) === 'not-found' ? 'not-found' : 'failed', code, version };
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

function merged(changes: readonly Change[]): Change {
  return {
    audit: changes.flatMap(({ audit }) => audit ?? []),
    usage: changes.flatMap(({ usage }) => usage ?? []),
    events: changes.flatMap(({ events }) => events ?? []),
  };
}
