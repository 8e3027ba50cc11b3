import { closeSql, createSql, type Executor, type Sql, transaction } from '@keyfleet/postgres';
import { fingerprint } from './fingerprint.js';
import {
  type AppliedMigration,
  type Migration,
  MigrationDivergedError,
  type MigrationSet,
  missingOf,
  readHistory,
} from './history.js';

export interface MigrateOptions {
  /** As kf_owner. */
  readonly ownerUrl: string;
  /** In the order they run. */
  readonly sets: readonly MigrationSet[];
  /**
   * Runs only what had run elsewhere: rows of that release are loaded next. MigrationDivergedError, and nothing ran,
   * where it had run something this build does not have.
   */
  readonly upTo?: readonly AppliedMigration[];
  readonly onApplied?: (owner: string, name: string) => void;
}

/** Any number of them at once is fine: one works, the others wait and find it done. */
const LOCK = 7_214_066_631n;

/**
 * Brings the whole database up to date, one transaction per migration, and returns how many ran.
 * MigrationDivergedError, and nothing ran, where history and sets differ.
 */
export async function migrate({ ownerUrl, upTo, onApplied, ...given }: MigrateOptions): Promise<number> {
  const sets = upTo ? await cutOff(given.sets, upTo) : given.sets;
  const sql = createSql({
    url: ownerUrl,
    applicationName: 'keyfleet-migrate',
    max: 2,
    statementTimeoutMs: 0,
    lockTimeoutMs: 0,
    idleInTransactionTimeoutMs: 0,
  });
  try {
    return await transaction(sql, async (guard) => {
      await guard`select pg_advisory_xact_lock(${LOCK})`;
      await sql.unsafe(HISTORY).simple();
      const history = await readHistory(sql);
      const due: { owner: string; migration: Migration }[] = [];
      for (const set of sets)
        for (const migration of await missingOf(set, history, { newer: false }))
          due.push({ owner: set.owner, migration });
      for (const { owner, migration } of due) {
        await transaction(sql, (tx) => run(tx, owner, migration));
        onApplied?.(owner, migration.name);
      }
      return due.length;
    });
  } finally {
    await closeSql(sql);
  }
}

async function cutOff(
  sets: readonly MigrationSet[],
  upTo: readonly AppliedMigration[],
): Promise<readonly MigrationSet[]> {
  const owners = new Set(sets.map(({ owner }) => owner));
  const stranger = upTo.find(({ owner }) => !owners.has(owner));
  if (stranger) throw new MigrationDivergedError(`${stranger.owner}/${stranger.name} is not of this build.`);
  return Promise.all(
    sets.map(async (set) => {
      const missing = await missingOf(set, upTo, { newer: false });
      return { ...set, migrations: set.migrations.slice(0, set.migrations.length - missing.length) };
    }),
  );
}

/** Every role of the installation may ask how far the database is. */
const HISTORY = `
  create schema if not exists migrations;
  create table if not exists migrations.applied (
    owner text not null, ordinal int not null, name text not null, hash text not null,
    applied_at timestamptz not null default now(),
    primary key (owner, ordinal), unique (owner, name));
  grant usage on schema migrations to public;
  grant select on migrations.applied to public;`;

async function run(tx: Executor, owner: string, { name, up }: Migration): Promise<void> {
  if (typeof up === 'string') await tx.unsafe(up).simple();
  else await up(tx as Sql);
  await tx`
    insert into migrations.applied (owner, ordinal, name, hash)
    select ${owner}, count(*), ${name}, ${await fingerprint(up)} from migrations.applied where owner = ${owner}`;
}
