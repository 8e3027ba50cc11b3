import { type JournalEntry, journalEntry, MAX_ENTRY_BYTES } from '@keyfleet/contracts';
import { AgentEventRefused, type REFUSAL_REASONS } from '@keyfleet/contracts/events';
import { canonicalEntry, canonicalJson, sha256Hex } from '@keyfleet/crypto';
import type { NewEvent } from '@keyfleet/event-store';
import { type EventMetadata, isId } from '@keyfleet/kernel';
import { deriveId } from '@keyfleet/platform';
import { schemaOf } from './accepted.js';
import { readEnvelope } from './envelope.js';
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
/** Only the length here: a hash is compared with a real one later, a `prev` with the hash before. */
const hex = (value: unknown): value is string => typeof value === 'string' && value.length === 64;

/**
 * Judges each entry of a batch on its own. A bad one becomes `AgentEventRefused` in its place and the chain goes on.
 * The signature vouches for the last hash and each hash for what it is made of; so an entry that does not have its
 * hash is not the agent's word, and then the whole batch is refused: whoever changed it on its way must not be able to
 * have it taken for refused by us.
 */
export function examineEntries(
  entries: readonly unknown[],
  owner: JournalOwner,
): PlacedEntry[] | Unplaceable {
  const placed: PlacedEntry[] = [];
  const ids = new Set<string>();
  let before: ChainLink | undefined;
  for (const [index, entry] of entries.entries()) {
    const link = linkOf(entry);
    if (!link) return { unplaceable: `/entries/${index}` };
    if (before && link.seq !== before.seq + 1) return { unplaceable: `/entries/${index}/seq` };
    if (before ? link.prev !== before.hash : !SHA256.test(link.prev))
      return { unplaceable: `/entries/${index}/prev` };
    const examined = examine(entry as object, link, owner);
    if (!examined) return { unplaceable: `/entries/${index}/hash` };
    placed.push(once(examined, { entry: entry as object, link, owner, ids }));
    before = link;
  }
  return placed;
}

interface Judged {
  readonly entry: object;
  readonly link: ChainLink;
  readonly owner: JournalOwner;
  readonly ids: Set<string>;
}

/** An id names one event; the second entry that claims it is refused under an id of its own. */
function once(placed: PlacedEntry, { entry, link, owner, ids }: Judged): PlacedEntry {
  const { id } = placed.event;
  if (!ids.has(id)) {
    ids.add(id);
    return placed;
  }
  const size = Buffer.byteLength(JSON.stringify(entry));
  return refuse({ ...entry, id: undefined }, link, owner, { reason: 'schema', pointers: ['/id'], size });
}

export function linkOf(entry: unknown): ChainLink | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { seq, prev, hash } = entry as Record<string, unknown>;
  if (!Number.isSafeInteger(seq) || (seq as number) < 1 || !hex(prev) || !hex(hash)) return undefined;
  return { seq: seq as number, prev, hash };
}

/** Undefined where the entry does not have the hash it claims. */
function examine(entry: object, link: ChainLink, owner: JournalOwner): PlacedEntry | undefined {
  const read = readEnvelope(entry);
  const text = canonicalOf(() => (read.ok ? canonicalEntry(read.entry) : unhashed(entry)));
  if (text === undefined || sha256Hex(text) !== link.hash) return undefined;
  const size = Buffer.byteLength(text);
  if (!read.ok)
    return refuse(entry, link, owner, { reason: 'schema', pointers: pointersOf(read.error, entry), size });
  const refusal = judge(read.entry, owner, size);
  if (refusal) return refuse(entry, link, owner, refusal);
  const { id, type, v, data, at } = read.entry;
  return { ...link, event: { id, type, v, data, metadata: metadataOf(link, owner, at) } };
}

function unhashed(entry: object): string {
  const { hash: _, ...rest } = entry as Record<string, unknown>;
  return canonicalJson(rest);
}

/** Undefined where it is nothing canonical JSON can say (a lone surrogate, bottomless nesting): nobody hashed that. */
function canonicalOf(write: () => string): string | undefined {
  try {
    return write();
  } catch {
    return undefined;
  }
}

function judge(entry: JournalEntry, owner: JournalOwner, size: number): Refusal | undefined {
  const refused = (reason: RefusalReason, ...pointers: string[]): Refusal => ({ reason, pointers, size });
  if (size > MAX_ENTRY_BYTES) return refused('too-large');
  if (entry.agentId !== owner.agentId) return refused('foreign-identity', '/agentId');
  if (entry.orgId !== owner.orgId) return refused('foreign-identity', '/orgId');
  if (entry.epoch !== owner.epoch) return refused('schema', '/epoch');
  const schema = schemaOf(entry.type, entry.v);
  if (schema === 'unknown-type') return refused(schema, '/type');
  if (schema === 'unknown-version') return refused(schema, '/v');
  const data = schema.safeParse(entry.data);
  return data.success ? undefined : refused('schema', ...pointersOf(data.error, entry.data, '/data'));
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
