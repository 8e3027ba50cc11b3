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

/** The journal as it lies on the disk of an agent, by epoch and seq; nothing of the agent's own code reads it. */
export function readJournal(directory: string): JournalEntry[] {
  const file = new Database(join(directory, 'vault.db'), { readonly: true });
  try {
    const rows = file
      .prepare<[], Row>(
        `SELECT j.epoch, j.seq, j.body, j.prev, j.hash, s.org_id AS orgId, s.agent_id AS agentId
           FROM journal j, journal_state s ORDER BY j.epoch, j.seq`,
      )
      .all();
    return rows.map(({ body, ...row }) => ({ ...(JSON.parse(body) as JournalEntry), ...row }));
  } finally {
    file.close();
  }
}

/** Has a stopped agent look for its broker elsewhere. */
export function redirect(directory: string, brokerUrl: string): void {
  const path = join(directory, 'link', 'identity.json');
  const identity = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...identity, brokerUrls: [brokerUrl] }));
}
