import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, Position } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import type { Logger } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import { waitForPosition } from '@keyfleet/read-store';
import { type Rollouts, underWay } from '../rollouts/rollouts.js';
import { Bell } from './bell.js';
import type { BundleMaker } from './bundles.js';
import type { CommandKey } from './command-key.js';
import { type Delivery, reportWindow } from './delivery.js';
import { emptyUnused, servedOrganisations } from './desired-table.js';
import { type Fence, LeaseLostError } from './lease.js';
import type { DistributionMetrics } from './metrics.js';
import type { PolicyBook, Shelf } from './policy-book.js';
import { type Reconciled, reconcile } from './reconcile.js';

export interface DistributorParts {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly clock: Clock;
  readonly book: PolicyBook;
  readonly bundles: BundleMaker;
  readonly delivery: Delivery;
  readonly commandKey: Pick<CommandKey, 'look'>;
  readonly rollouts: Rollouts;
  readonly metrics: DistributionMetrics;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /** Between looks at everything, whatever was heard of; 15 s by default. */
  readonly sweepMs?: number;
  /** Between looks at rollouts under way; 2 s by default. */
  readonly lookMs?: number;
}

/** Why an organisation is looked at. */
interface Reason {
  /** Read models have to be here first. */
  readonly position: Position | null;
  /** RFC 3339, of the oldest fact nothing was done about yet. */
  readonly since: string | null;
}

/** Who is told again: nobody, all who did not answer yet, or those who had the time to. */
type Remind = false | 'everybody' | 'silent';

/** One organisation's turn. */
interface Service {
  readonly orgId: string;
  readonly shelf: Shelf;
  readonly fence: Fence;
  readonly signal: AbortSignal;
  readonly reason: Reason | undefined;
  readonly remind: Remind;
  /** What manifests are to be signed with, where it is time to look. */
  readonly key: string | undefined;
}

/** What labels and groups are read from. */
const READ_MODELS = ['registry.agents', 'registry.groups'];
const SWEEP_MS = 15_000;
const LOOK_MS = 2_000;
/** Agents are told again where they said nothing for so long after they should have. */
const REMIND_AFTER_MS = 10_000;
const TIDY_EVERY_MS = 3_600_000;
/** A pause of twice as long as the work took leaves room for everything else; facts meanwhile come together. */
const REST = 2;
const LONGEST_REST_MS = 1_000;
/** After a failure. */
const RETRY_MS = 1_000;

/**
 * The one that gives agents what they should decide by. It is woken by facts and looks at everything from time to time
 * all the same; what it remembers saves work and nothing else.
 */
export class Distributor {
  readonly #parts: DistributorParts;
  readonly #bell = new Bell();
  #due = new Map<string, Reason>();
  /** The state of its policies an organisation's rows were written for, and what came of it. */
  readonly #written = new Map<string, Reconciled & { readonly at: number }>();
  #rolling = false;
  #tidiedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: DistributorParts) {
    this.#parts = parts;
  }

  /** A fact of this organisation may change what its agents should decide by. */
  touch(orgId: string, reason: Reason = { position: null, since: null }): void {
    const before = this.#due.get(orgId);
    const since = before?.since ?? reason.since;
    this.#due.set(orgId, { position: reason.position ?? before?.position ?? null, since });
    this.#bell.ring();
  }

  /** Agents said what they decide by: a rollout may go on. */
  answered(): void {
    if (this.#rolling) this.#bell.ring();
  }

  /** Works until the signal; throws where it cannot, and is then started again. */
  async run(fence: Fence, signal: AbortSignal): Promise<void> {
    const { sweepMs = SWEEP_MS, lookMs = LOOK_MS, clock } = this.#parts;
    this.#written.clear();
    await this.#waitForReadModels(signal);
    let sweptAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const began = clock.monotonic();
      const sweep = began - sweptAt >= sweepMs;
      // Whoever worked before may have ended between storing and telling: the first look tells everybody.
      const remind = sweep && (sweptAt < 0 ? 'everybody' : 'silent');
      await this.#pass(fence, signal, { sweep, remind });
      if (sweep) sweptAt = began;
      if (sweep) await this.#tidy();
      const took = clock.monotonic() - began;
      await delay(Math.min(took * REST, LONGEST_REST_MS), undefined, { signal }).catch(() => undefined);
      const left = Math.max(0, sweptAt + sweepMs - clock.monotonic());
      const soon = this.#due.size > 0 ? RETRY_MS : lookMs;
      await this.#bell.wait(this.#rolling || this.#due.size > 0 ? Math.min(left, soon) : left, signal);
    }
  }

  async #pass(
    fence: Fence,
    signal: AbortSignal,
    { sweep, remind }: { readonly sweep: boolean; readonly remind: Remind },
  ): Promise<void> {
    const due = this.#due;
    this.#due = new Map();
    const shelf = await this.#parts.book.refresh();
    const served = sweep ? await servedOrganisations(this.#parts.sql) : [];
    const key = sweep ? await this.#parts.commandKey.look() : undefined;
    const rolling = orgsWithRollouts(shelf);
    this.#rolling = rolling.size > 0;
    const everybody = new Set([...due.keys(), ...rolling, ...served, ...(sweep ? shelf.keys() : [])]);
    for (const orgId of everybody) {
      if (signal.aborted) return;
      const reason = due.get(orgId) ?? (sweep ? { position: null, since: null } : undefined);
      await this.#serve({ orgId, shelf, fence, signal, reason, remind, key }).catch((error: unknown) =>
        this.#excuse(error, orgId, reason),
      );
    }
  }

  async #serve(given: Service): Promise<void> {
    const { orgId, shelf, fence, signal, reason } = given;
    const { book, delivery, rollouts, metrics, clock } = this.#parts;
    const policies = shelf.get(orgId) ?? new Map();
    const at = book.changesOf(orgId);
    let written = this.#written.get(orgId);
    if (reason || written?.at !== at) {
      await this.#waitFor(reason?.position ?? null, signal);
      written = { ...(await reconcile(this.#parts, fence, orgId, policies)), at };
      this.#written.set(orgId, written);
      await delivery.deliver(orgId, signal);
      if (reason?.since) metrics.lag((clock.now() - Date.parse(reason.since)) / 1_000);
    }
    await this.#tellAgain(given, written.agents);
    if (await rollouts.carryOn(orgId, policies.values(), written.blocked)) this.touch(orgId);
  }

  /** What was given before: under another key, or to agents that have not answered. */
  async #tellAgain({ orgId, signal, remind, key }: Service, agents: number): Promise<void> {
    const { delivery, clock } = this.#parts;
    if (key !== undefined) await delivery.renew(orgId, key, signal);
    if (!remind) return;
    const patience = remind === 'everybody' ? 0 : REMIND_AFTER_MS + reportWindow(agents);
    await delivery.remind(orgId, clock.now() - patience);
  }

  /** After a restore they are made from the beginning: by labels of long ago, agents would get what is not theirs. */
  async #waitForReadModels(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#parts;
    const head = await store.headPosition();
    while (!signal.aborted && !(await this.#waitFor(head, signal)))
      logger.warn({ readModels: READ_MODELS }, 'Policies wait for read models that are behind');
  }

  /** Where a read model does not get there in time, the next look at everything sees what it says then. */
  async #waitFor(position: Position | null, signal: AbortSignal): Promise<boolean> {
    if (position === null) return true;
    const { sql, store } = this.#parts;
    const compare = (a: Position, b: Position) => store.comparePositions(a, b);
    return waitForPosition(sql, { projections: READ_MODELS, position, compare, signal });
  }

  /** One organisation must not keep the others waiting; what concerns all of them ends the work. */
  #excuse(error: unknown, orgId: string, reason: Reason | undefined): void {
    this.#written.delete(orgId);
    if (error instanceof LeaseLostError) throw error;
    this.#due.set(orgId, this.#due.get(orgId) ?? reason ?? { position: null, since: null });
    this.#parts.metrics.failed();
    this.#parts.logger.warn(
      { err: error, orgId },
      'Policies of an organisation could not be distributed; it is tried again',
    );
  }

  async #tidy(): Promise<void> {
    const now = this.#parts.clock.monotonic();
    if (now - this.#tidiedAt < TIDY_EVERY_MS) return;
    await emptyUnused(this.#parts.sql);
    this.#tidiedAt = now;
  }
}

function orgsWithRollouts(shelf: Shelf): Set<string> {
  const orgs = [...shelf].filter(([, policies]) => [...policies.values()].some((policy) => underWay(policy)));
  return new Set(orgs.map(([orgId]) => orgId));
}
