import { z } from 'zod';
import { id, nkeyPublic, sha256, timestamp } from './names.js';
import { MAX_INT4 } from './numbers.js';

/** Limits of DESIGN §4, checked before an entry is journaled and again at ingest. Bytes of canonical JSON. */
export const MAX_ENTRY_BYTES = 32 * 1024;
export const MAX_BATCH_ENTRIES = 100;
export const MAX_BATCH_BYTES = 256 * 1024;
/** Acknowledged entries stay at the agent so long, or so much, whichever is reached first. */
export const KEEP_ACKNOWLEDGED_MS = 7 * 24 * 3_600_000;
export const KEEP_ACKNOWLEDGED_BYTES = 256 * 1024 * 1024;

/** The hash before the first entry of the first epoch. */
export const GENESIS_HASH = '0'.repeat(64);

/** One below what a column holds: the epoch after it has to fit, too. */
export const MAX_EPOCH = MAX_INT4 - 1;
export const epoch = z.int().min(1).max(MAX_EPOCH);
export const seq = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** The envelope of an entry; what `data` may be is said by the schema of `type` and `v`. */
export const journalEntry = z.strictObject({
  id: id('evt'),
  orgId: id('org'),
  agentId: id('agt'),
  epoch,
  seq,
  type: z.string().regex(/^[A-Z][A-Za-z]{2,63}$/),
  v: z.int().min(1).max(1_000),
  at: timestamp,
  data: z.record(z.string().max(200), z.unknown()),
  /** Hash of the entry before. */
  prev: sha256,
  /** SHA-256 over the canonical JSON (RFC 8785) of this entry without `hash`. */
  hash: sha256,
});
export type JournalEntry = z.infer<typeof journalEntry>;

/** Stream of one epoch of a journal; its revision is `seq - 1`. */
export function journalStream(agentId: string, ofEpoch: number): string {
  return `journal-${agentId}.${ofEpoch}`;
}

/** What the agent signs with its NKey to vouch for a batch: everything up to the last hash. */
export function batchSigningInput(batch: {
  agentId: string;
  epoch: number;
  seq: number;
  hash: string;
}): string {
  return `keyfleet.journal.v1\n${batch.agentId}\n${batch.epoch}\n${batch.seq}\n${batch.hash}`;
}

/** What the agent signs to renew its certificate without a valid one. */
export function renewSigningInput(renewal: {
  agentId: string;
  csr: string;
  nkey: string;
  at: string;
  nonce: string;
}): string {
  return `keyfleet.renew.v1\n${renewal.agentId}\n${renewal.nkey}\n${renewal.at}\n${renewal.nonce}\n${renewal.csr}`;
}

export const nkeySignature = z
  .string()
  .regex(/^[A-Za-z0-9_-]{86}$/, 'must be an Ed25519 signature in base64url');

/**
 * Entries are sent as they are stored; the outer shape is strict, each entry is judged on its own so that a bad one
 * can take its place as AgentEventRefused instead of stopping the journal.
 */
export const journalBatch = z.strictObject({
  v: z.literal(1),
  agentId: id('agt'),
  epoch,
  entries: z.array(z.unknown()).min(1).max(MAX_BATCH_ENTRIES),
  signature: nkeySignature,
});
export type JournalBatch = z.infer<typeof journalBatch>;

const code = z.enum([
  'agent.unknown',
  'agent.revoked',
  'agent.signature-invalid',
  'request.invalid',
  'request.too-large',
  'resource.conflict',
  'store.unavailable',
]);

/** The answer to a batch. The first form is the watermark: everything up to it is committed. */
export const journalReply = z.union([
  z.strictObject({ epoch, seq: z.int().min(0), hash: sha256 }),
  z.strictObject({ retryAfterMs: z.int().min(1) }),
  /** Entry `forkedAt` differs from what is stored: re-chain from it as seq 1 of the new epoch. */
  z.strictObject({ forkedAt: seq, epoch, prev: sha256 }),
  z.strictObject({ code }),
]);
export type JournalReply = z.infer<typeof journalReply>;

export const syncRequest = z.strictObject({
  v: z.literal(1),
  agentId: id('agt'),
  bootId: z.uuid(),
  agentVersion: z.string().max(64),
  /** Newest entry at the agent; seq 0 where the epoch is empty. */
  head: z.strictObject({ epoch, seq: z.int().min(0), hash: sha256 }),
  /** Oldest entry still at the agent in the current epoch; `null` where none is. */
  oldestSeq: seq.nullable(),
  /** `prev` of that entry: shows whether what the control plane has joins on to it. */
  oldestPrev: sha256.nullable(),
});
export type SyncRequest = z.infer<typeof syncRequest>;

export const syncReply = z.union([
  z.strictObject({
    /** The epoch to write; greater than the agent's where its journal has to go on in a new one. */
    epoch,
    /** What is committed of that epoch; the agent sends again from there. */
    watermark: z.strictObject({ seq: z.int().min(0), hash: sha256 }),
    /** `prev` of the first entry of that epoch. */
    prev: sha256,
    /** For a new epoch: the first entry of the old epoch to re-chain into it; `null` where nothing moves. */
    rechainFrom: seq.nullable(),
    acceptedEvents: z.record(z.string(), z.array(z.int())),
    reconnectWindowMs: z.int().min(0),
    trustBundle: z.array(z.string()),
    commandKeys: z.array(nkeyPublic),
  }),
  z.strictObject({ retryAfterMs: z.int().min(1) }),
  z.strictObject({ code }),
]);
export type SyncReply = z.infer<typeof syncReply>;
