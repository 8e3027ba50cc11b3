import { type JournalEntry, journalEntry, MAX_ENTRY_BYTES } from '@keyfleet/contracts';
import { AgentEventRefused, type REFUSAL_REASONS } from '@keyfleet/contracts/events';
import { canonicalEntry, sha256Hex } from '@keyfleet/crypto';
import type { NewEvent } from '@keyfleet/event-store';
import { type EventMetadata, isId } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';
import { schemaOf } from './accepted.js';
import { pointersOf } from './pointers.js';

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Whose journal it is, by the subject and the record, not by the entries' own word. */
export interface JournalOwner {
  readonly orgId: string;
  readonly agentId: string;
  readonly epoch: number;
  /** RFC 3339: stands in where an entry does not say when it happened. */
  readonly receivedAt: string;
}

/** An entry that has its place in the chain, and what is stored there: itself, or the notice that it was refused. */
export interface PlacedEntry {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly event: NewEvent;
  readonly refused?: RefusalReason;
}

/** The batch has no readable chain, so nothing in it has a place. `pointer` says where it broke. */
export interface Unplaceable {
  readonly unplaceable: string;
}

/** An entry's place as it claims it. */
export interface ChainLink {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

interface Refusal {
  readonly reason: RefusalReason;
  readonly pointers: readonly string[];
  readonly size: number;
}

const SHA256 = /^[0-9a-f]{64}$/;
const sha = (value: unknown): value is string => typeof value === 'string' && SHA256.test(value);

/**
 * Judges each entry of a batch on its own. A bad one becomes `AgentEventRefused` in its place and the chain goes on by
 * the hashes the agent claims and has signed for; only where those cannot be read is the whole batch refused.
 */
export function examineEntries(
  entries: readonly unknown[],
  owner: JournalOwner,
): PlacedEntry[] | Unplaceable {
  const placed: PlacedEntry[] = [];
  let before: ChainLink | undefined;
  for (const [index, entry] of entries.entries()) {
    const link = linkOf(entry);
    if (!link) return { unplaceable: `/entries/${index}` };
    if (before && link.seq !== before.seq + 1) return { unplaceable: `/entries/${index}/seq` };
    if (before && link.prev !== before.hash) return { unplaceable: `/entries/${index}/prev` };
    placed.push(examine(entry, link, owner));
    before = link;
  }
  return placed;
}

export function linkOf(entry: unknown): ChainLink | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { seq, prev, hash } = entry as Record<string, unknown>;
  if (!Number.isSafeInteger(seq) || (seq as number) < 1 || !sha(prev) || !sha(hash)) return undefined;
  return { seq: seq as number, prev, hash };
}

function examine(entry: unknown, link: ChainLink, owner: JournalOwner): PlacedEntry {
  const parsed = journalEntry.safeParse(entry);
  if (!parsed.success)
    return refuse(entry, link, owner, {
      reason: 'schema',
      pointers: pointersOf(parsed.error, entry),
      size: roughSize(entry),
    });
  const refusal = judge(parsed.data, owner);
  if (refusal) return refuse(entry, link, owner, refusal);
  const { id, type, v, data, at } = parsed.data;
  return { ...link, event: { id, type, v, data, metadata: metadataOf(link, owner, at) } };
}

function judge(entry: JournalEntry, owner: JournalOwner): Refusal | undefined {
  const text = canonicalOf(entry);
  if (text === undefined) return { reason: 'schema', pointers: ['/data'], size: roughSize(entry) };
  const size = Buffer.byteLength(text);
  const refused = (reason: RefusalReason, ...pointers: string[]): Refusal => ({ reason, pointers, size });
  if (size > MAX_ENTRY_BYTES) return refused('too-large');
  if (entry.agentId !== owner.agentId) return refused('foreign-identity', '/agentId');
  if (entry.orgId !== owner.orgId) return refused('foreign-identity', '/orgId');
  if (entry.epoch !== owner.epoch) return refused('schema', '/epoch');
  if (sha256Hex(text) !== entry.hash) return refused('schema', '/hash');
  const schema = schemaOf(entry.type, entry.v);
  if (schema === 'unknown-type') return refused(schema, '/type');
  if (schema === 'unknown-version') return refused(schema, '/v');
  const data = schema.safeParse(entry.data);
  return data.success ? undefined : refused('schema', ...pointersOf(data.error, entry.data, '/data'));
}

/** Undefined where the data is nothing canonical JSON can say (a lone surrogate, bottomless nesting). */
function canonicalOf(entry: JournalEntry): string | undefined {
  try {
    return canonicalEntry(entry);
  } catch {
    return undefined;
  }
}

/** Good enough for a notice; 0 where it is nested too deep to be written. */
function roughSize(entry: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(entry));
  } catch {
    return 0;
  }
}

function metadataOf({ prev, hash }: ChainLink, owner: JournalOwner, at: string): EventMetadata {
  return { orgId: owner.orgId, actor: owner.agentId, at, journal: { prev, hash } };
}

function refuse(entry: unknown, link: ChainLink, owner: JournalOwner, refusal: Refusal): PlacedEntry {
  const { id, at } = entry as Record<string, unknown>;
  const { agentId, epoch } = owner;
  const known = journalEntry.shape.at.safeParse(at);
  return {
    ...link,
    refused: refusal.reason,
    event: {
      id: isId('evt', id) ? id : deriveId('evt', 'refused', agentId, `${epoch}`, `${link.seq}`, link.hash),
      type: AgentEventRefused.type,
      v: AgentEventRefused.v,
      data: { epoch, ...link, ...refusal, pointers: [...refusal.pointers] },
      metadata: metadataOf(link, owner, known.success ? known.data : owner.receivedAt),
    },
  };
}
