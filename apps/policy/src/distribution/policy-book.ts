import type { EventStore, Position, RecordedEvent } from '@keyfleet/event-store';
import { policy as decider, type Policy, type PolicyFact } from '@keyfleet/policy/domain';

/** A policy as its stream says, and where that was read. */
export interface KnownPolicy {
  readonly policyId: string;
  readonly orgId: string;
  readonly state: Policy;
  /** Milliseconds since the epoch: when its rollout came to where it is. */
  readonly movedAt: number;
}

/** What is held in memory of the store's policies, by organisation. */
export type Shelf = ReadonlyMap<string, ReadonlyMap<string, KnownPolicy>>;

const PAGE = 1_000;
const MOVES = new Set(['RolloutStarted', 'RolloutAdvanced', 'RolloutResumed']);

/**
 * All policies, folded from their streams. `refresh` reads what has come since; what is in memory only saves reading it
 * again.
 */
export class PolicyBook {
  readonly #store: Pick<EventStore, 'readAll' | 'headPosition' | 'comparePositions'>;
  #shelf = new Map<string, Map<string, KnownPolicy>>();
  /** How many events of each organisation were read. */
  #read = new Map<string, number>();
  #upTo: Position | undefined;

  constructor(store: Pick<EventStore, 'readAll' | 'headPosition' | 'comparePositions'>) {
    this.#store = store;
  }

  /** Everything that was committed when it was asked is in the answer. */
  async refresh(): Promise<Shelf> {
    const head = await this.#store.headPosition();
    // The store was put back to an earlier time: what is remembered may not have happened.
    if (this.#upTo !== undefined && this.#store.comparePositions(head, this.#upTo) < 0) this.#forget();
    for (let more = true; more; ) {
      const page = await this.#store.readAll({
        after: this.#upTo,
        filter: { categories: ['policy'] },
        limit: PAGE,
      });
      for (const event of page.events) this.#take(event);
      this.#upTo = page.upTo;
      more = page.events.length === PAGE;
    }
    return this.#shelf;
  }

  /** Another number than before where an organisation's policies are not what they were. */
  changesOf(orgId: string): number {
    return this.#read.get(orgId) ?? 0;
  }

  #forget(): void {
    this.#shelf = new Map();
    this.#read = new Map();
    this.#upTo = undefined;
  }

  #take(event: RecordedEvent): void {
    const { orgId } = event.metadata;
    if (orgId === null) return;
    const policyId = event.stream.slice('policy-'.length);
    const own = this.#shelf.get(orgId) ?? new Map<string, KnownPolicy>();
    const known = own.get(policyId);
    this.#shelf.set(orgId, own);
    this.#read.set(orgId, this.changesOf(orgId) + 1);
    own.set(policyId, {
      ...{ policyId, orgId },
      state: decider.evolve(known?.state ?? decider.initialState, event as unknown as PolicyFact),
      movedAt: MOVES.has(event.type) ? Date.parse(event.recordedAt) : (known?.movedAt ?? 0),
    });
  }
}
