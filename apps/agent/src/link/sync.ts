import { type SyncReply, type SyncRequest, syncReply } from '@keyfleet/contracts';
import type { Broker } from './broker.js';
import type { Accepted } from './held-back.js';
import type { IdentityStore } from './identity/store.js';
import type { Journal } from './journal/journal.js';

export interface SyncOptions {
  readonly broker: Broker;
  readonly journal: Journal;
  readonly store: IdentityStore;
  readonly agentVersion: string;
  readonly bootId: string;
}

export type SyncOutcome =
  | {
      readonly kind: 'synced';
      readonly accepted: Accepted;
      /** Send everything kept again, because the control plane has something else there than we. */
      readonly sendAll: boolean;
    }
  | { readonly kind: 'later'; readonly retryAfterMs: number }
  | { readonly kind: 'refused'; readonly code: string };

type Synced = Extract<SyncReply, { watermark: unknown }>;

const TIMEOUT_MS = 10_000;

/** Asks where to go on and goes there. Rejects where nobody answers or the disk refuses. */
export async function sync(options: SyncOptions): Promise<SyncOutcome> {
  const sent = requestOf(options);
  const bytes = await options.broker.request('rpc.sync', JSON.stringify(sent), TIMEOUT_MS);
  const reply = syncReply.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if ('retryAfterMs' in reply) return { kind: 'later', retryAfterMs: reply.retryAfterMs };
  if ('code' in reply) return { kind: 'refused', code: reply.code };
  const { trustBundle, commandKeys, reconnectWindowMs } = reply;
  if (trustBundle.length > 0 && commandKeys.length > 0)
    options.store.announce({ trustBundle, commandKeys, reconnectWindowMs });
  return { kind: 'synced', accepted: reply.acceptedEvents, sendAll: !follow(options.journal, sent, reply) };
}

function requestOf({ journal, store, agentVersion, bootId }: SyncOptions): SyncRequest {
  const identity = store.current;
  if (!identity) throw new Error('unenrolled');
  return {
    v: 1,
    agentId: identity.agentId,
    bootId,
    agentVersion,
    head: journal.head(),
    oldestSeq: journal.oldestSeq(),
    oldestPrev: journal.oldestPrev(),
  };
}

/** False where the control plane names a hash that our journal does not have there: then it is not believed. */
function follow(journal: Journal, sent: SyncRequest, reply: Synced): boolean {
  const { epoch, watermark, prev } = reply;
  const own = journal.acknowledged();
  if (epoch > own.epoch) {
    // The answer knows of nothing that was recorded after the question: that always moves.
    journal.startEpoch({ epoch, prev, rechainFrom: reply.rechainFrom ?? sent.head.seq + 1 });
    return true;
  }
  if (epoch < own.epoch) return false;
  if (watermark.seq === own.seq) return watermark.hash === own.hash;
  return watermark.seq > own.seq ? journal.acknowledge({ epoch, ...watermark }) : journal.rewind(watermark);
}
