import { randomBytes } from 'node:crypto';
import type { ApiKey } from '../../access/api-key.js';
import type { AuditEntry, AuditQuery } from '../../audit/entry.js';
import type { Change, PreparedEvent, SecretPage, UsageMinute, VaultStorage } from '../port.js';
import { createAttempt } from './attempt.js';
import type { SqliteDatabase } from './database.js';
import { GroupCommit } from './group.js';
import { createReads } from './read.js';
import { createAuditQuery } from './read-audit.js';
import { createRecord } from './record.js';
import { createDaysReported, createRetain } from './retain.js';

/** The journal's end in a storage: entries come into being in the transaction of the change they tell of. */
export interface EntrySink {
  /** Inside the transaction. */
  append(events: readonly PreparedEvent[]): void;
  /** After its commit, where something was appended. */
  announce(): void;
}

/** Everything of a vault in one SQLite file. */
export class SqliteStorage implements VaultStorage {
  readonly vaultId: string;
  readonly #database: SqliteDatabase;
  readonly #reads: ReturnType<typeof createReads>;
  readonly #audit: ReturnType<typeof createAuditQuery>;
  readonly #retain: ReturnType<typeof createRetain>;
  readonly #daysReported: ReturnType<typeof createDaysReported>;
  readonly #findApiKey: { get(hash: string): unknown };
  readonly #apiKeys: { all(): unknown[] };
  readonly #group: GroupCommit;

  constructor(database: SqliteDatabase, journal: EntrySink) {
    const { handle } = database;
    this.#database = database;
    this.vaultId = vaultIdOf(database);
    this.#reads = createReads(handle);
    this.#audit = createAuditQuery(handle);
    this.#retain = createRetain(database);
    this.#daysReported = createDaysReported(handle);
    this.#findApiKey = handle.prepare('SELECT record FROM api_keys WHERE hash = ?').pluck();
    this.#apiKeys = handle.prepare('SELECT record FROM api_keys ORDER BY id').pluck();
    const record = createRecord(handle);
    let appended = false;
    this.#group = new GroupCommit(database, {
      attempt: createAttempt(handle),
      record: (changes) => {
        const events = changes.flatMap((change) => change.events ?? []);
        appended = events.length > 0;
        if (appended) journal.append(events);
        record(changes);
      },
      committed: () => {
        if (appended) journal.announce();
      },
    });
  }

  async findSecret(path: string) {
    return this.#database.read(() => this.#reads.secret(path));
  }

  async findVersion(path: string, version?: number) {
    return this.#database.read(() => this.#reads.version(path, version));
  }

  async listVersions(path: string, page: { before?: number; limit: number }) {
    return this.#database.read(() => this.#reads.versions(path, page));
  }

  async listSecrets(page: SecretPage) {
    return this.#database.read(() => this.#reads.secrets(page));
  }

  async countSecrets() {
    return this.#database.read(() => this.#reads.count());
  }

  async currentVersions(page: { after?: string; limit: number; maxSize: number }) {
    return this.#database.read(() => this.#reads.currents(page));
  }

  async versionsNotUnder(keyId: string, limit: number) {
    return this.#database.read(() => this.#reads.notUnder(keyId, limit));
  }

  async keys() {
    return this.#database.read(() => this.#reads.keys());
  }

  async lastSeal() {
    return this.#database.read(() => this.#reads.seal());
  }

  async policyRecord() {
    return this.#database.read(() => this.#reads.policy());
  }

  async findApiKey(hash: string): Promise<ApiKey | undefined> {
    const record = this.#database.read(() => this.#findApiKey.get(hash)) as string | undefined;
    return record === undefined ? undefined : (JSON.parse(record) as ApiKey);
  }

  async listApiKeys(): Promise<ApiKey[]> {
    const records = this.#database.read(() => this.#apiKeys.all()) as string[];
    return records.map((record) => JSON.parse(record) as ApiKey);
  }

  async audit(query: AuditQuery): Promise<AuditEntry[]> {
    return this.#database.read(() => this.#audit(query));
  }

  async oldestUsage(before: string): Promise<UsageMinute | undefined> {
    return this.#database.read(() => this.#reads.usage(before));
  }

  async daysReported(from: string, to: string): Promise<number> {
    return this.#database.read(() => this.#daysReported(from, to));
  }

  apply(change: Change): Promise<void> {
    return this.#group.add(change);
  }

  async retain(limits: { readonly before: string; readonly lines: number }): Promise<number> {
    return this.#retain(limits);
  }

  /** What was given before is committed first. */
  async close(): Promise<void> {
    this.#group.drain();
    this.#database.close();
  }
}

function vaultIdOf(database: SqliteDatabase): string {
  const { handle } = database;
  return database.transaction(() => {
    const found = handle.prepare<[], string>('SELECT id FROM vault').pluck().get();
    if (found !== undefined) return found;
    const id = randomBytes(16).toString('hex');
    handle.prepare('INSERT INTO vault (id) VALUES (?)').run(id);
    return id;
  });
}
