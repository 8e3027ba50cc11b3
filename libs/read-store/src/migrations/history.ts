import type { Executor, Sql } from '@keyfleet/postgres';
import { fingerprint } from './fingerprint.js';

export interface Migration {
  /** `0001_agents`; unique within its owner, applied in this order. */
  readonly name: string;
  /**
   * DDL as kf_owner, in a transaction of its own. Frozen once it landed: a changed text is refused. A function must say
   * the same whatever it is answered. Rows of tables with forced row-level security are invisible here, too.
   */
  readonly up: string | ((sql: Sql) => Promise<unknown>);
}

export interface MigrationSet {
  /** Who owns the tables: `event-store`, `registry`, `identity`, `analytics`… */
  readonly owner: string;
  readonly migrations: readonly Migration[];
}

/** History and code differ: a migration that ran is missing, was renamed or was changed. */
export class MigrationDivergedError extends Error {
  constructor(detail: string) {
    super(`${detail} Migrations that ran are frozen; write a new one.`);
    this.name = 'MigrationDivergedError';
  }
}

/** One that ran, as the history has it; those of an owner in the order they ran. */
export interface AppliedMigration {
  readonly owner: string;
  readonly name: string;
  readonly hash: string;
}

export async function readHistory(sql: Executor): Promise<AppliedMigration[]> {
  return sql<AppliedMigration[]>`select owner, name, hash from migrations.applied order by owner, ordinal`;
}

/**
 * The migrations of a set that have not run yet. MigrationDivergedError where those that ran are not, in this order
 * and unchanged, how the set begins; `newer` allows that a later build has added to them.
 */
export async function missingOf(
  set: MigrationSet,
  history: readonly AppliedMigration[],
  { newer }: { readonly newer: boolean },
): Promise<readonly Migration[]> {
  const ran = history.filter(({ owner }) => owner === set.owner);
  for (const [ordinal, { name, hash }] of ran.entries()) {
    const known = set.migrations[ordinal];
    if (!known && newer) break;
    if (known?.name !== name)
      throw new MigrationDivergedError(
        `${set.owner}/${name} ran here and is not at its place in this build.`,
      );
    if ((await fingerprint(known.up)) !== hash)
      throw new MigrationDivergedError(`${set.owner}/${name} was changed after it ran.`);
  }
  return set.migrations.slice(ran.length);
}
