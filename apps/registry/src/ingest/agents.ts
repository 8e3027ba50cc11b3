import type { EventStore, NewEvent, Position, Provided, RecordedEvent } from '@keyfleet/event-store';
import type { Clock } from '@keyfleet/kernel';
import { agentStream } from '@keyfleet/registry/domain';
import { LRUCache } from 'lru-cache';
import { type AgentRecord, foldAgent } from './agent-record.js';

/** Who an agent is, never staler than a second: revocations and new epochs count from then on. */
export interface AgentDirectory {
  /** `null` for an agent that was never enrolled. */
  find(agentId: string): Promise<AgentRecord | null>;
  /**
   * Appends facts to the agent's stream at the revision of `record`, while that other stream stands where they were
   * found out; false where somebody else was faster.
   */
  record(record: AgentRecord, facts: readonly NewEvent[], provided: Provided): Promise<boolean>;
  /** Its stream was seen to stand elsewhere: the next question is answered from the store. */
  forget(agentId: string): void;
}

/** Revocations kept beside the store, because they outlive a restored one. */
export interface Revocations {
  has(agentId: string): Promise<boolean>;
}

export interface StoredAgentsOptions {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly revocations?: Revocations;
}

/** Half of the second that is promised: the other half is for the question itself. */
const STALE_AFTER_MS = 500;
const REFRESH_AFTER_MS = 250;
const PAGE = 1_000;
const CACHED = 50_000;

/** Folds `agent-<id>` streams and follows the category, so that one question per half second keeps all of them fresh. */
export class StoredAgents implements AgentDirectory {
  readonly #store: EventStore;
  readonly #clock: Clock;
  readonly #revocations: Revocations | undefined;
  readonly #records = new LRUCache<string, AgentRecord>({ max: CACHED });
  #seenUpTo: Position | undefined;
  #freshAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(options: StoredAgentsOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#revocations = options.revocations;
  }

  async find(agentId: string): Promise<AgentRecord | null> {
    await this.#ensureFresh();
    const record = this.#records.get(agentId) ?? (await this.#load(agentId));
    if (!record || record.revoked || !this.#revocations) return record;
    return (await this.#revocations.has(agentId)) ? { ...record, revoked: true } : record;
  }

  async record(record: AgentRecord, events: readonly NewEvent[], provided: Provided): Promise<boolean> {
    const stream = agentStream(record.agentId);
    const append = { stream, expectedRevision: record.revision, events, provided };
    const [result] = await this.#store.appendBatch([append]);
    this.forget(record.agentId);
    return result?.outcome === 'appended';
  }

  forget(agentId: string): void {
    this.#records.delete(agentId);
  }

  async #load(agentId: string): Promise<AgentRecord | null> {
    let record: AgentRecord | null = null;
    for (const event of await this.#store.readStream(agentStream(agentId))) record = foldAgent(record, event);
    if (record) this.#records.set(agentId, record);
    return record;
  }

  #ensureFresh(): Promise<void> | undefined {
    const age = this.#clock.monotonic() - this.#freshAt;
    if (age <= REFRESH_AFTER_MS) return undefined;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    if (age > STALE_AFTER_MS) return this.#refreshing;
    // Ahead of time, and nobody waits for it: a failure is met by whoever has to wait next.
    this.#refreshing.catch(() => {});
    return undefined;
  }

  /** Everything that was committed when it was asked is known when it ends. */
  async #refresh(): Promise<void> {
    const asked = this.#clock.monotonic();
    const head = await this.#store.headPosition();
    if (this.#seenUpTo !== undefined && this.#store.comparePositions(head, this.#seenUpTo) < 0)
      this.#forgetAll();
    this.#seenUpTo ??= head;
    while (this.#store.comparePositions(this.#seenUpTo, head) < 0) {
      const page = await this.#store.readAll({
        after: this.#seenUpTo,
        filter: { categories: ['agent'] },
        limit: PAGE,
      });
      for (const event of page.events) this.#follow(event);
      this.#seenUpTo = page.upTo;
    }
    this.#freshAt = asked;
  }

  /** The store was put back to an earlier time: what is remembered may not have happened. */
  #forgetAll(): void {
    this.#records.clear();
    this.#seenUpTo = undefined;
  }

  #follow(event: RecordedEvent): void {
    const record = this.#records.get(event.stream.slice('agent-'.length));
    if (!record || event.revision <= record.revision) return;
    const next = event.revision === record.revision + 1n ? foldAgent(record, event) : null;
    if (next) this.#records.set(record.agentId, next);
    else this.#records.delete(record.agentId);
  }
}
