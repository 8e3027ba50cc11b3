import type { JournalEntry } from '@keyfleet/contracts';
import { chainEntry } from '@keyfleet/crypto';
import type { JournalPosition } from './journal.js';

/** What an entry is before it has a place, and what stays when it is chained anew. */
export interface EntryBody {
  readonly id: string;
  readonly type: string;
  readonly v: number;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface JournalIdentity {
  readonly orgId: string;
  readonly agentId: string;
}

/** Gives bodies the places after this one, in order, each linked to the one before. */
export function chainAfter(
  position: JournalPosition,
  identity: JournalIdentity,
  bodies: readonly EntryBody[],
): JournalEntry[] {
  let { seq, hash: prev } = position;
  return bodies.map(({ id, type, v, at, data }) => {
    seq += 1;
    const { orgId, agentId } = identity;
    const entry = chainEntry({ id, orgId, agentId, epoch: position.epoch, seq, type, v, at, data, prev });
    prev = entry.hash;
    return entry;
  });
}
