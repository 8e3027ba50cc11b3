import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JournalEntry } from '@keyfleet/contracts';
import Database from 'better-sqlite3';

interface Row {
  readonly epoch: number;
  readonly seq: number;
  readonly body: string;
  readonly prev: string;
  readonly hash: string;
  readonly orgId: string;
  readonly agentId: string;
}

interface Watermark {
  readonly epoch: number;
  readonly seq: number;
}

/** The journal as it lies on the disk of an agent, by epoch and seq; nothing of the agent's own code reads it. */
export function readJournal(directory: string): { recorded: JournalEntry[]; pending: number } {
  const file = new Database(join(directory, 'vault.db'), { readonly: true });
  try {
    const rows = file
      .prepare<[], Row>(
        `SELECT j.epoch, j.seq, j.body, j.prev, j.hash, s.org_id AS orgId, s.agent_id AS agentId
           FROM journal j, journal_state s ORDER BY j.epoch, j.seq`,
      )
      .all();
    const watermark = file
      .prepare<[], Watermark>('SELECT epoch, acknowledged_seq AS seq FROM journal_state')
      .get();
    const recorded = rows.map(({ body, ...row }) => ({ ...(JSON.parse(body) as JournalEntry), ...row }));
    return { recorded, pending: recorded.filter((entry) => isAfter(entry, watermark)).length };
  } finally {
    file.close();
  }
}

function isAfter({ epoch, seq }: JournalEntry, watermark: Watermark | undefined): boolean {
  return !watermark || epoch > watermark.epoch || (epoch === watermark.epoch && seq > watermark.seq);
}

/** Has a stopped agent look for its broker elsewhere. */
export function redirect(directory: string, brokerUrl: string): void {
  const path = join(directory, 'link', 'identity.json');
  const identity = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...identity, brokerUrls: [brokerUrl] }));
}
