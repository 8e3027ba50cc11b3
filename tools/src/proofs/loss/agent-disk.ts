import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

interface Row {
  readonly epoch: number;
  readonly seq: number;
  readonly body: string;
}

export interface Watermark {
  readonly epoch: number;
  readonly seq: number;
}

interface Body {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface DiskEntry {
  readonly id: string;
  /** The control plane promised to have it. */
  readonly acknowledged: boolean;
  /** `path@version` where it is a write of a secret. */
  readonly written: string | null;
}

const WRITES = new Set(['SecretCreated', 'SecretUpdated']);

/** The journal as it lies on the disk of an agent, by epoch and seq; nothing of the agent's own code reads it. */
export function* readJournal(directory: string): Generator<DiskEntry> {
  const file = openVault(directory);
  try {
    const watermark = watermarkIn(file);
    const rows = file.prepare<[], Row>(
      'SELECT epoch, seq, body FROM journal WHERE epoch > 0 ORDER BY epoch, seq',
    );
    for (const { epoch, seq, body } of rows.iterate()) {
      const { id, type, data } = JSON.parse(body) as Body;
      const written = WRITES.has(type) ? `${String(data['path'])}@${String(data['version'])}` : null;
      yield { id, written, acknowledged: !isAfter({ epoch, seq }, watermark) };
    }
  } finally {
    file.close();
  }
}

/** How far the agent believes to be committed, also while it runs. */
export function acknowledgedOnDisk(directory: string): Watermark | undefined {
  const file = openVault(directory);
  try {
    return watermarkIn(file);
  } finally {
    file.close();
  }
}

/** Entries that wait to be brought over. */
export function pendingOnDisk(directory: string): number {
  const file = openVault(directory);
  try {
    return file
      .prepare<[], number>(
        'SELECT count(*) FROM journal j, journal_state s WHERE j.epoch = s.epoch AND j.seq > s.acknowledged_seq',
      )
      .pluck()
      .get() as number;
  } finally {
    file.close();
  }
}

function openVault(directory: string): Database.Database {
  return new Database(join(directory, 'vault.db'), { readonly: true, timeout: 5_000 });
}

function watermarkIn(file: Database.Database): Watermark | undefined {
  return file.prepare<[], Watermark>('SELECT epoch, acknowledged_seq AS seq FROM journal_state').get();
}

function isAfter({ epoch, seq }: Watermark, watermark: Watermark | undefined): boolean {
  return !watermark || epoch > watermark.epoch || (epoch === watermark.epoch && seq > watermark.seq);
}

/** Has a stopped agent look for its broker elsewhere. */
export function redirect(directory: string, brokerUrl: string): void {
  const path = join(directory, 'link', 'identity.json');
  const identity = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...identity, brokerUrls: [brokerUrl] }));
}
