import { createHash, type Hash } from 'node:crypto';
import { GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { canonicalEntry, sha256Hex } from '@keyfleet/crypto';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Ledger } from './ledger.js';

/** Counts of what must not be; all zero is the proof. */
export interface StoreVerdict {
  /** Recorded by an agent, acknowledged or still to be brought, and not in the store. */
  readonly lost: number;
  /** More than once in the store. */
  readonly duplicated: number;
  /** In the store before one that was recorded earlier. */
  readonly reordered: number;
  /** Not the hash of what is stored, not linked to the entry before, or not at the next revision. */
  readonly brokenLinks: number;
  /** In the store and recorded by nobody. */
  readonly invented: number;
}

/** An agent that tells of what it recorded only how many there were and a hash over their ids in order. */
export interface Summary {
  readonly recorded: number;
  readonly idsHash: string;
}

export interface JudgeOptions {
  /** Agents whose every entry is known. */
  readonly ledger: Ledger;
  readonly real: ReadonlySet<string>;
  readonly summaries: ReadonlyMap<string, Summary>;
}

interface Stream {
  readonly agentId: string;
  readonly epoch: number;
  revision: bigint;
  hash: string;
}

interface Digest {
  readonly hash: Hash;
  count: number;
}

/** A first entry of an epoch joins on to some entry before it, which is looked for afterwards. */
export interface Joint {
  readonly agentId: string;
  readonly epoch: number;
  readonly prev: string;
}

/**
 * Judges the journals of a store from its events as they come, in the order of their positions. It holds one place per
 * stream and agent, and nothing per entry.
 */
export class StoreJudge {
  readonly #options: JudgeOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #digests = new Map<string, Digest>();
  readonly #places = new Map<string, number>();
  readonly #joints: Joint[] = [];
  readonly #counts = { duplicated: 0, reordered: 0, brokenLinks: 0, invented: 0 };
  #events = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  get events(): number {
    return this.#events;
  }

  /** First entries of epochs, whose `prev` must be the hash of an entry before them. */
  get joints(): readonly Joint[] {
    return this.#joints;
  }

  /** How far each agent's journal is, in its newest epoch that has entries. */
  heads(): Map<string, { readonly epoch: number; readonly seq: number }> {
    const heads = new Map<string, { epoch: number; seq: number }>();
    for (const { agentId, epoch, revision } of this.#streams.values())
      if (epoch > (heads.get(agentId)?.epoch ?? 0)) heads.set(agentId, { epoch, seq: Number(revision) + 1 });
    return heads;
  }

  take(events: readonly RecordedEvent[]): void {
    this.#options.ledger.together(() => {
      for (const event of events) this.#takeOne(event);
    });
  }

  #takeOne(event: RecordedEvent): void {
    const stream = this.#streamOf(event);
    if (!stream) return;
    this.#events += 1;
    this.#link(stream, event);
    const { agentId } = stream;
    if (this.#options.real.has(agentId)) this.#placeIn(agentId, event.id);
    else if (this.#options.summaries.has(agentId)) this.#digest(agentId, event.id);
    else this.#counts.invented += 1;
  }

  #streamOf({ stream }: RecordedEvent): Stream | undefined {
    const known = this.#streams.get(stream);
    if (known) return known;
    const [, agentId, epoch] = /^journal-(.*)\.(\d+)$/.exec(stream) ?? [];
    if (!agentId || !epoch) return undefined;
    const made = { agentId, epoch: Number(epoch), revision: -1n, hash: '' };
    this.#streams.set(stream, made);
    return made;
  }

  #link(stream: Stream, event: RecordedEvent): void {
    const { prev, hash } = event.metadata.journal ?? { prev: '', hash: '' };
    const first = stream.revision === -1n;
    if (first) this.#joints.push({ agentId: stream.agentId, epoch: stream.epoch, prev });
    const linked = (first || prev === stream.hash) && event.revision === stream.revision + 1n;
    if (!linked || sha256Hex(canonicalEntry(entryOf(event, stream, prev))) !== hash)
      this.#counts.brokenLinks += 1;
    stream.revision = event.revision;
    stream.hash = hash;
  }

  #placeIn(agentId: string, id: string): void {
    const found = this.#options.ledger.store(agentId, id);
    if (!found) {
      this.#counts.invented += 1;
      return;
    }
    if (found.stored > 0) this.#counts.duplicated += 1;
    else if (found.place < (this.#places.get(agentId) ?? 0)) this.#counts.reordered += 1;
    this.#places.set(agentId, Math.max(found.place, this.#places.get(agentId) ?? 0));
  }

  #digest(agentId: string, id: string): void {
    let digest = this.#digests.get(agentId);
    if (!digest) this.#digests.set(agentId, (digest = { hash: createHash('sha256'), count: 0 }));
    digest.hash.update(id);
    digest.count += 1;
  }

  /** `broken`: joints that were found to join on to nothing. */
  verdict(broken: number): StoreVerdict {
    const { duplicated, reordered, brokenLinks, invented } = this.#counts;
    const totals = { lost: this.#options.ledger.lost, duplicated, reordered, invented };
    for (const [agentId, summary] of this.#options.summaries) this.#compare(agentId, summary, totals);
    return { ...totals, brokenLinks: brokenLinks + broken };
  }

  /** A summary cannot say which: too few are lost ones, too many are too many, and others are in another order. */
  #compare(
    agentId: string,
    { recorded, idsHash }: Summary,
    totals: { lost: number; duplicated: number; reordered: number },
  ): void {
    const digest = this.#digests.get(agentId) ?? { hash: createHash('sha256'), count: 0 };
    if (digest.count < recorded) totals.lost += recorded - digest.count;
    else if (digest.count > recorded) totals.duplicated += digest.count - recorded;
    else if (digest.hash.digest('hex') !== idsHash) totals.reordered += 1;
  }
}

export const isGenesis = ({ prev }: Joint): boolean => prev === GENESIS_HASH;

function entryOf(event: RecordedEvent, stream: Stream, prev: string): Omit<JournalEntry, 'hash'> {
  const { id, type, v, metadata, revision } = event;
  return {
    ...{ id, orgId: metadata.orgId ?? '', agentId: stream.agentId, epoch: stream.epoch },
    ...{
      seq: Number(revision) + 1,
      type,
      v,
      at: metadata.at,
      data: event.data as JournalEntry['data'],
      prev,
    },
  };
}
