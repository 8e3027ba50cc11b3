import type { AgentRecord } from './agent-record.js';
import type { PlacedEntry } from './examine.js';
import type { JournalHead, Journals, StoredEntry } from './journals.js';

/** What is to be done with a batch, after comparing it with what is stored. */
export type Placement =
  /** Everything in it is stored. */
  | { readonly kind: 'stored' }
  /** The entries from `index` on follow the committed head. */
  | { readonly kind: 'append'; readonly index: number }
  /** The store ends before the batch begins: it was restored, or the agent skipped something. */
  | { readonly kind: 'behind'; readonly head: JournalHead }
  /** The entry at `index` is not what is stored in its place, or its epoch has ended. `head` is of the newest epoch, before that was looked at. */
  | { readonly kind: 'forked'; readonly index: number; readonly head: JournalHead };

export interface PlacementQuestion {
  readonly journals: Journals;
  readonly record: AgentRecord;
  readonly epoch: number;
  readonly entries: readonly PlacedEntry[];
}

/** Places a batch; what this process remembers is believed only for an append, which the store checks again. */
export async function place(question: PlacementQuestion): Promise<Placement> {
  const { journals, record, epoch } = question;
  if (epoch !== record.epoch) return placeInFormerEpoch(question);
  const assumed = await journals.assumedHead(record);
  if (follows(question, assumed)) return { kind: 'append', index: 0 };
  return placeInCurrentEpoch(question, await journals.head(record));
}

function follows({ entries }: PlacementQuestion, head: JournalHead): boolean {
  const first = entries[0] as PlacedEntry;
  return first.seq === head.seq + 1 && first.prev === head.hash;
}

/** For a batch of the current epoch. Equal hashes at one place mean equal everything before it: that is the chain's point. */
async function placeInCurrentEpoch(question: PlacementQuestion, head: JournalHead): Promise<Placement> {
  const { entries } = question;
  const first = entries[0] as PlacedEntry;
  if (first.seq > head.seq + 1) return { kind: 'behind', head };
  if (first.seq === head.seq + 1)
    return head.hash === null || first.prev === head.hash
      ? { kind: 'append', index: 0 }
      : { kind: 'forked', index: 0, head };
  const overlap = Math.min(entries.length, head.seq - first.seq + 1);
  const last = entries[overlap - 1] as PlacedEntry;
  const storedHash = last.seq === head.seq ? head.hash : await hashAt(question, last.seq);
  if (storedHash !== null && storedHash !== last.hash)
    return { kind: 'forked', index: await firstDifference(question, overlap), head };
  return overlap === entries.length ? { kind: 'stored' } : { kind: 'append', index: overlap };
}

async function hashAt({ journals, record, epoch }: PlacementQuestion, seq: number): Promise<string | null> {
  const [found] = await journals.read(record.agentId, epoch, seq, 1);
  return found?.seq === seq ? found.hash : null;
}

async function firstDifference(question: PlacementQuestion, overlap: number): Promise<number> {
  const { journals, record, epoch, entries } = question;
  const first = entries[0] as PlacedEntry;
  const stored = bySeq(await journals.read(record.agentId, epoch, first.seq, overlap));
  const index = entries.findIndex((entry) => {
    const hash = stored.get(entry.seq)?.hash;
    return typeof hash === 'string' && hash !== entry.hash;
  });
  return Math.max(index, 0);
}

/**
 * For a batch of an epoch that has ended, from an agent that did not hear of it or whose disk was rolled back to before.
 * An entry counts as stored where it stands in its own epoch, or where it moved to in a later one, by its id.
 */
async function placeInFormerEpoch(question: PlacementQuestion): Promise<Placement> {
  const { entries } = question;
  const seqs = entries.map((entry) => entry.seq);
  const first = entries[0] as PlacedEntry;
  const stored = new Set<number>();
  const head = await question.journals.head(question.record);
  const own = bySeq(await readFrom(question, question.epoch, first.seq));
  for (const entry of entries) {
    const found = own.get(entry.seq);
    if (found && (found.hash === null || found.hash === entry.hash)) stored.add(entry.seq);
  }
  await followMoves(question, { epoch: question.epoch, shift: 0 }, stored);
  const index = seqs.findIndex((seq) => !stored.has(seq));
  return index < 0 ? { kind: 'stored' } : { kind: 'forked', index, head };
}

/** Seq in the epoch looked at = seq in the batch's epoch − shift. */
interface Mapped {
  readonly epoch: number;
  readonly shift: number;
}

async function followMoves(question: PlacementQuestion, at: Mapped, stored: Set<number>): Promise<void> {
  const { record, entries } = question;
  const last = entries.at(-1) as PlacedEntry;
  for (const move of record.moves) {
    if (move.epoch !== at.epoch || last.seq - at.shift < move.from) continue;
    const next = { epoch: move.to, shift: at.shift + move.from - 1 };
    const from = Math.max((entries[0] as PlacedEntry).seq - next.shift, 1);
    const found = bySeq(await readFrom(question, next.epoch, from));
    for (const entry of entries) {
      const there = found.get(entry.seq - next.shift);
      if (there?.id === entry.event.id) stored.add(entry.seq);
    }
    await followMoves(question, next, stored);
  }
}

function readFrom(question: PlacementQuestion, epoch: number, from: number): Promise<StoredEntry[]> {
  return question.journals.read(question.record.agentId, epoch, from, question.entries.length);
}

function bySeq(entries: readonly StoredEntry[]): Map<number, StoredEntry> {
  return new Map(entries.map((entry) => [entry.seq, entry]));
}
