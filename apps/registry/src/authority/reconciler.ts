import type { Clock } from '@keyfleet/kernel';
import {
  type AccountKeys,
  accountClaims,
  type Revocations,
  readAccountClaims,
  sameClaims,
} from '@keyfleet/messaging';
import { failpoint } from '@keyfleet/platform';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import type { BrokerClaims, SeenClaims, ServerClaims } from './broker-claims.js';
import { aliveRevocations, takeOver } from './revocations.js';

/** One number for the whole database: whoever holds it builds and pushes claims, nobody else. */
const LOCK = 0x6b66_636c;

export type ReconcileResult =
  /** Another registry is at it. */
  | 'busy'
  /** Every broker that answers goes by what the table says. */
  | 'same'
  | 'pushed';

export interface ReconcilerOptions {
  readonly sql: Sql;
  readonly broker: BrokerClaims;
  readonly keys: AccountKeys;
  readonly operatorSigning: string;
  readonly clock: Clock;
  readonly intervalMs?: number;
  readonly onResult?: (result: ReconcileResult, takenOver: number) => void;
  readonly onError?: (error: unknown) => void;
}

const INTERVAL_MS = 5_000;

/**
 * Makes the brokers' account claims say what the revocation table says. The table is read under a lock after the
 * revocation that prompted it was committed, so of two registries that revoke at once, the second one to get the lock
 * sees both. A wiped or restarted broker differs and is told again; agents are out until then, because what it starts
 * with does not know their signing key.
 */
export class ClaimsReconciler {
  readonly #options: ReconcilerOptions;
  /** Servers that heard a push of ours while they had loaded nothing one could compare. */
  readonly #told = new Set<string>();
  #built: { readonly content: string; readonly jwt: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Compares now and every few seconds. */
  start(): void {
    const tick = () => {
      this.check().catch((error) => this.#options.onError?.(error));
    };
    this.#timer ??= setInterval(tick, this.#options.intervalMs ?? INTERVAL_MS);
    tick();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#last.catch(() => {});
  }

  /** A broker came back: it may have forgotten what it was told. */
  forget(): void {
    this.#told.clear();
  }

  /** Compares with every broker that answers; leaves it to whoever is already at it. */
  check(): Promise<ReconcileResult> {
    return this.#queue(() => this.#locked(false, (tx) => this.#compare(tx)));
  }

  /** Waits for the lock and for a broker to say that it goes by the table as it is now. */
  enforce(): Promise<ReconcileResult> {
    return this.#queue(() => this.#locked(true, (tx) => this.#enforce(tx)));
  }

  #queue(work: () => Promise<ReconcileResult>): Promise<ReconcileResult> {
    const next = this.#last.catch(() => {}).then(work);
    this.#last = next;
    return next;
  }

  #locked(wait: boolean, work: (tx: Executor) => Promise<ReconcileResult>): Promise<ReconcileResult> {
    return transaction(this.#options.sql, async (tx) => {
      if (wait) {
        await tx`select pg_advisory_xact_lock(${LOCK}::int, 1)`;
        return work(tx);
      }
      const [row] = await tx<{ held: boolean }[]>`select pg_try_advisory_xact_lock(${LOCK}::int, 1) as held`;
      return row?.held ? work(tx) : this.#done('busy', 0);
    });
  }

  async #enforce(tx: Executor): Promise<ReconcileResult> {
    const stored = await this.#options.broker.stored();
    return this.#bring(tx, stored ? [stored] : [], () => false);
  }

  async #compare(tx: Executor): Promise<ReconcileResult> {
    const { broker } = this.#options;
    const [stored, servers] = await Promise.all([broker.stored(), broker.live()]);
    const seen = [stored, ...servers.map((server) => server.seen)].filter((found) => found !== null);
    const agrees = (desired: string) =>
      stored !== null &&
      seen.every((found) => sameClaims(found.jwt, desired)) &&
      servers.every((server) => server.seen !== null || this.#told.has(server.server));
    const result = await this.#bring(tx, seen, agrees);
    if (result === 'pushed') this.#remember(servers);
    return result;
  }

  async #bring(
    tx: Executor,
    seen: readonly SeenClaims[],
    agrees: (desired: string) => boolean,
  ): Promise<ReconcileResult> {
    const { broker, clock } = this.#options;
    const now = clock.now();
    let takenOver = 0;
    for (const { claims } of seen) takenOver += await takeOver(tx, claims.revocations, now);
    const revocations = await aliveRevocations(tx, now);
    const desired = await this.#build(revocations);
    if (agrees(desired)) return this.#done('same', takenOver);
    const newest = Math.max(0, ...seen.map(({ claims }) => claims.issuedAt));
    const jwt = await this.#build(revocations, newest);
    await failpoint('authority.before-push');
    await broker.push(jwt);
    return this.#done('pushed', takenOver);
  }

  /** Signed once per content, and again only where a broker holds later ones that say something else. */
  async #build(revocations: Revocations, issuedAfter = 0): Promise<string> {
    const { keys, operatorSigning } = this.#options;
    const content = JSON.stringify(revocations);
    const known = this.#built;
    if (known?.content === content && readAccountClaims(known.jwt).issuedAt > issuedAfter) return known.jwt;
    const jwt = await accountClaims(operatorSigning, keys, revocations, { issuedAfter });
    this.#built = { content, jwt };
    return jwt;
  }

  #remember(servers: readonly ServerClaims[]): void {
    for (const { server } of servers) this.#told.add(server);
  }

  #done(result: ReconcileResult, takenOver: number): ReconcileResult {
    this.#options.onResult?.(result, takenOver);
    return result;
  }
}
