import { GENESIS_HASH } from '@keyfleet/contracts';
import type { Handle } from '../../storage/sqlite/database.js';
import type { JournalIdentity } from './entries.js';
import type { JournalPosition } from './journal.js';

export interface JournalState {
  /** `undefined` before enrolment. */
  readonly identity: JournalIdentity | undefined;
  /** The watermark; its epoch is the current one. */
  readonly acknowledged: JournalPosition;
}

interface Row {
  readonly orgId: string;
  readonly agentId: string;
  readonly epoch: number;
  readonly seq: number;
  readonly hash: string;
}

/** The one row about who writes the journal and how far it is committed. */
export class JournalStateRow {
  readonly #read;
  readonly #begin;
  readonly #acknowledge;

  constructor(handle: Handle) {
    this.#read = handle.prepare<[], Row>(
      `SELECT org_id AS orgId, agent_id AS agentId, epoch, acknowledged_seq AS seq, acknowledged_hash AS hash
       FROM journal_state`,
    );
    this.#begin = handle.prepare<[string, string, number, number, string]>(
      `INSERT OR REPLACE INTO journal_state (one, org_id, agent_id, epoch, acknowledged_seq, acknowledged_hash)
       VALUES (1, ?, ?, ?, ?, ?)`,
    );
    this.#acknowledge = handle.prepare<[number, string]>(
      'UPDATE journal_state SET acknowledged_seq = ?, acknowledged_hash = ?',
    );
  }

  read(): JournalState {
    const row = this.#read.get();
    if (!row) return { identity: undefined, acknowledged: { epoch: 0, seq: 0, hash: GENESIS_HASH } };
    const { orgId, agentId, epoch, seq, hash } = row;
    return { identity: { orgId, agentId }, acknowledged: { epoch, seq, hash } };
  }

  begin(identity: JournalIdentity, start: JournalPosition): void {
    this.#begin.run(identity.orgId, identity.agentId, start.epoch, start.seq, start.hash);
  }

  acknowledge({ seq, hash }: JournalPosition): void {
    this.#acknowledge.run(seq, hash);
  }
}
