import { KeyfleetError } from '@keyfleet/kernel';
import Database from 'better-sqlite3';

export type Handle = Database.Database;

/** What SQLite says when the disk, and not the request, is at fault. */
const REFUSAL = /^SQLITE_(IOERR|FULL|READONLY|CANTOPEN|BUSY|NOMEM|PERM|CORRUPT|NOTADB|PROTOCOL)/;

/** SQLite's own code of an error, by shape: the class may come from another realm. */
export function sqliteCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/**
 * One connection, used by one thread: everything on it happens at once and in order. A refusal of the disk leaves here
 * as `vault.degraded` and nothing else does; the transaction it hit is rolled back whole.
 */
export class SqliteDatabase {
  readonly handle: Handle;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #refused = new Set<() => void>();

  constructor(file: string) {
    this.handle = new Database(file, { timeout: 5_000 });
    // With FULL every commit is on disk before it returns; with NORMAL a power cut takes the last ones back.
    this.handle.pragma('journal_mode = WAL');
    // KiB. The build's own 16 MiB fill for days beside workloads that have better use for them; the system caches too.
    this.handle.pragma('cache_size = -2048');
    this.handle.pragma('synchronous = FULL');
    this.handle.pragma('foreign_keys = ON');
    this.handle.pragma('secure_delete = FAST');
    this.#begin = this.handle.prepare('BEGIN IMMEDIATE');
    this.#commit = this.handle.prepare('COMMIT');
  }

  /** Listens for refusals of the disk, whoever met them. */
  onRefusal(listener: () => void): () => void {
    this.#refused.add(listener);
    return () => void this.#refused.delete(listener);
  }

  read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#understand(error);
    }
  }

  /** Committed and on disk when this returns; otherwise it throws and nothing happened. */
  transaction<T>(work: () => T): T {
    try {
      this.#begin.run();
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      this.#rollback();
      throw this.#understand(error);
    }
  }

  close(): void {
    this.handle.close();
  }

  /** SQLite has rolled back by itself after most refusals. */
  #rollback(): void {
    if (!this.handle.inTransaction) return;
    try {
      this.handle.exec('ROLLBACK');
    } catch {
      // The first error is the one to tell; a transaction that is still open shows at the next BEGIN.
    }
  }

  #understand(error: unknown): unknown {
    if (!REFUSAL.test(sqliteCode(error))) return error;
    for (const listener of this.#refused) listener();
    return new KeyfleetError('vault.degraded', { retryAfterMs: 5_000 });
  }
}
