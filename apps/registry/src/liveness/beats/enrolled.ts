import type { EventStore } from '@keyfleet/event-store';
import { type Clock, fold } from '@keyfleet/kernel';
import { type AgentEvent, agent, agentStream } from '@keyfleet/registry/domain';
import { LRUCache } from 'lru-cache';

export interface EnrolledAgent {
  readonly orgId: string;
  readonly version: string;
  readonly revoked: boolean;
}

/** A beat of an agent nobody enrolled is asked about again after this long. */
const UNKNOWN_FOR_MS = 30_000;
const REMEMBERED = 10_000;

/** Who may have a row at all: asked of the agent's stream once, before its first beat counts. */
export class EnrolledAgents {
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #clock: Clock;
  readonly #unknown = new LRUCache<string, number>({ max: REMEMBERED });

  constructor(store: Pick<EventStore, 'readStream'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** `null` where no such agent was enrolled. Rejects with `store.unavailable`. */
  async find(agentId: string): Promise<EnrolledAgent | null> {
    const askedAt = this.#unknown.get(agentId);
    if (askedAt !== undefined && this.#clock.monotonic() - askedAt < UNKNOWN_FOR_MS) return null;
    const events = await this.#store.readStream(agentStream(agentId));
    const state = fold(agent, events as unknown as readonly AgentEvent[]);
    const orgId = events[0]?.metadata.orgId;
    if (state.status === 'unknown' || !orgId) {
      this.#unknown.set(agentId, this.#clock.monotonic());
      return null;
    }
    return { orgId, version: state.version, revoked: state.status === 'revoked' };
  }
}
