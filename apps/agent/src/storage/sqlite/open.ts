import type { Clock } from '@keyfleet/kernel';
import { SqliteJournal } from '../../link/journal/sqlite-journal.js';
import { SqliteDatabase } from './database.js';
import { migrate } from './migrations.js';
import { SqliteStorage } from './storage.js';

export interface OpenVault {
  readonly storage: SqliteStorage;
  readonly journal: SqliteJournal;
  readonly database: SqliteDatabase;
}

/** Opens the vault in this file, made where there is none. */
export function openSqlite(file: string, clock: Pick<Clock, 'now'>): OpenVault {
  const database = new SqliteDatabase(file);
  try {
    migrate(database);
    const journal = new SqliteJournal(database, clock);
    return { database, journal, storage: new SqliteStorage(database, journal) };
  } catch (error) {
    database.close();
    throw error;
  }
}
