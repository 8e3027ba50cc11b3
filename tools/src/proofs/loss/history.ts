import type { JournalEntry } from '@keyfleet/contracts';
import { GENESIS_HASH } from '@keyfleet/contracts';
import { canonicalEntry, sha256Hex } from '@keyfleet/crypto';
import type { RecordedEvent } from '@keyfleet/event-store';

/** Everything there is to say about one agent once it has come to rest. */
export interface AgentHistory {
  /** The agent's own journal, in order, read from its disk. */
  readonly recorded: readonly JournalEntry[];
  /** So many at its end came when the agent was being stopped, and wait on its disk for its next start. */
  readonly pending: number;
  /** Its journal in the event store, by position. */
  readonly stored: readonly RecordedEvent[];
  /** Ids in the events read model, as the public API lists them. */
  readonly shown: readonly string[];
  /** Versions its API confirmed, as `path@version`. */
  readonly confirmed: readonly string[];
}

/** Counts of what must not be; all zero is the proof. */
export interface Verdict {
  /** Recorded by the agent before it came to rest, and not in the store. */
  readonly lost: number;
  /** More than once in the store. */
  readonly duplicated: number;
  /** In the store before one that was recorded earlier. */
  readonly reordered: number;
  /** Not the hash of what is stored, or not linked to the entry before. */
  readonly brokenLinks: number;
  /** In the store and recorded by nobody. */
  readonly invented: number;
  /** In the store and not, or more than once, in the read model. */
  readonly misshown: number;
  /** Confirmed to a client and not in the journal. */
  readonly unrecorded: number;
}

const WRITES = new Set(['SecretCreated', 'SecretUpdated']);

export function judge({ recorded, pending, stored, shown, confirmed }: AgentHistory): Verdict {
  const places = new Map(recorded.map(({ id }, place) => [id, place]));
  const ids = stored.map(({ id }) => id);
  const inStore = new Set(ids);
  const due = recorded.slice(0, recorded.length - pending);
  const order = ids.map((id) => places.get(id)).filter((place) => place !== undefined);
  const times = countOf(shown);
  const written = new Set(
    recorded.filter(({ type }) => WRITES.has(type)).map(({ data }) => `${data['path']}@${data['version']}`),
  );
  return {
    lost: due.filter(({ id }) => !inStore.has(id)).length,
    duplicated: ids.length - inStore.size,
    reordered: order.filter((place, index) => index > 0 && place < (order[index - 1] as number)).length,
    brokenLinks: brokenLinks(stored),
    invented: ids.filter((id) => !places.has(id)).length,
    misshown: [...inStore].filter((id) => times.get(id) !== 1).length,
    unrecorded: confirmed.filter((write) => !written.has(write)).length,
  };
}

function countOf(ids: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1);
  return times;
}

function brokenLinks(stored: readonly RecordedEvent[]): number {
  const last = new Map<string, string>();
  const known = new Set([GENESIS_HASH]);
  let broken = 0;
  for (const event of stored) {
    const { prev, hash } = event.metadata.journal ?? { prev: '', hash: '' };
    const before = last.get(event.stream);
    // The first of an epoch joins on to some entry before it, every other one to the one before.
    const linked = before === undefined ? known.has(prev) && event.revision === 0n : prev === before;
    if (!linked || sha256Hex(canonicalEntry(entryOf(event, prev))) !== hash) broken += 1;
    last.set(event.stream, hash);
    known.add(hash);
  }
  return broken;
}

function entryOf(event: RecordedEvent, prev: string): Omit<JournalEntry, 'hash'> {
  const { id, type, v, metadata, stream, revision } = event;
  const [, agentId = '', epoch] = /^journal-(.*)\.(\d+)$/.exec(stream) ?? [];
  const data = event.data as JournalEntry['data'];
  const orgId = metadata.orgId ?? '';
  return {
    id,
    orgId,
    agentId,
    epoch: Number(epoch),
    seq: Number(revision) + 1,
    type,
    v,
    at: metadata.at,
    data,
    prev,
  };
}

export function sum(verdicts: readonly Verdict[]): Verdict {
  const total = {
    lost: 0,
    duplicated: 0,
    reordered: 0,
    brokenLinks: 0,
    invented: 0,
    misshown: 0,
    unrecorded: 0,
  };
  for (const verdict of verdicts)
    for (const name of Object.keys(total) as (keyof Verdict)[]) total[name] += verdict[name];
  return total;
}

export function isClean(verdict: Verdict): boolean {
  return Object.values(verdict).every((count) => count === 0);
}
