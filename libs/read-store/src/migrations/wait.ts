import { setTimeout as pause } from 'node:timers/promises';
import { errorCode, postgresFailure, type Sql } from '@keyfleet/postgres';
import { type MigrationSet, missingOf, readHistory } from './history.js';

/** Undefined table or schema: not even the history is there. */
const NOT_THERE = new Set(['42P01', '3F000']);

/**
 * Names what of this build has not run yet (`registry/0002_groups`); empty is ready. A later build may have added to
 * it. MigrationDivergedError where what ran is not what this build has.
 */
export async function missingMigrations(sql: Sql, sets: readonly MigrationSet[]): Promise<string[]> {
  const history = await readHistory(sql).catch((error: unknown) => {
    if (NOT_THERE.has(errorCode(error) ?? '')) return [];
    throw error;
  });
  const missing: string[] = [];
  for (const set of sets)
    for (const { name } of await missingOf(set, history, { newer: true }))
      missing.push(`${set.owner}/${name}`);
  return missing;
}

/** Whether everything of this build has run; false also where the database does not answer. */
export async function isMigrated(sql: Sql, sets: readonly MigrationSet[]): Promise<boolean> {
  return (await missingMigrations(sql, sets).catch(() => null))?.length === 0;
}

export interface WaitForMigrationsOptions {
  readonly sql: Sql;
  readonly sets: readonly MigrationSet[];
  readonly signal: AbortSignal;
  readonly pollMs?: number;
  /** Told of each look that found something missing, or `null` where the database did not answer. */
  readonly onWaiting?: (missing: readonly string[] | null) => void;
}

/** Services wait here for whoever migrates, and never migrate. Rejects where the signal ends it or history diverged. */
export async function waitForMigrations(options: WaitForMigrationsOptions): Promise<void> {
  for (;;) {
    options.signal.throwIfAborted();
    const missing = await missingMigrations(options.sql, options.sets).catch((error: unknown) => {
      if (postgresFailure(error) === 'unavailable') return null;
      throw error;
    });
    if (missing?.length === 0) return;
    options.onWaiting?.(missing);
    await pause(options.pollMs ?? 500, undefined, { signal: options.signal });
  }
}
