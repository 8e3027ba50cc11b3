import {
  type JournalBatch,
  journalBatch,
  MAX_BATCH_BYTES,
  MAX_BATCH_ENTRIES,
  MAX_ENTRY_BYTES,
} from '@keyfleet/contracts';
import { type AgentAddress, parseAgentSubject } from '@keyfleet/contracts/messages';
import type { Traffic } from './admission.js';
import { pointersOf } from './pointers.js';
import type { QuarantineReason } from './quarantine.js';

/** Entries are at most 256 KiB; hashes, commas and the outer message come on top. */
export const MAX_MESSAGE_BYTES = MAX_BATCH_BYTES + 64 * 1024;

export interface ReadBatch {
  readonly from: AgentAddress;
  readonly batch: JournalBatch;
  readonly traffic: Traffic;
}

export interface UnreadableBatch {
  readonly reason: QuarantineReason;
  readonly pointers?: readonly string[];
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes of a message to a batch whose outer shape and sender are in order. */
export function readBatch(subject: string, bytes: Uint8Array): ReadBatch | UnreadableBatch {
  const from = parseAgentSubject(subject);
  if (from?.kind !== 'ev') return { reason: 'subject' };
  if (bytes.byteLength > MAX_MESSAGE_BYTES) return { reason: 'too-large' };
  const message = parseJson(bytes);
  if (message === undefined) return { reason: 'malformed' };
  const parsed = journalBatch.safeParse(message);
  if (!parsed.success) return { reason: 'schema', pointers: pointersOf(parsed.error, message) };
  const batch = parsed.data;
  if (batch.agentId !== from.agentId) return { reason: 'identity', pointers: ['/agentId'] };
  return { from, batch, traffic: trafficOf(batch, bytes) };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

/** A batch with no room for one more entry comes from somebody who has more to send. */
function trafficOf(batch: JournalBatch, bytes: Uint8Array): Traffic {
  const full =
    batch.entries.length === MAX_BATCH_ENTRIES || bytes.byteLength > MAX_BATCH_BYTES - MAX_ENTRY_BYTES;
  return full ? 'backlog' : 'live';
}
