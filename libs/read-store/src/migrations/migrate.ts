import { createHash } from 'node:crypto';
import { closeSql, createSql, type Executor, type Sql, transaction } from '@keyfleet/postgres';

export interface Migration {
  /** `0001_agents`; unique within its owner, applied in this order. */
  readonly name: string;
  /** DDL as the owner role. Frozen once it landed: a changed text is refused. */
  readonly up: string | ((tx: Executor) => Promise<void>);
}

export interface MigrationSet {
  /** Who owns the tables: `event-store`, `registry`, `identity`, `analytics`… */
  readonly owner: string;
  readonly migrations: readonly Migration[];
}

export interface MigrateOptions {
  /** As kf_owner. */
  readonly ownerUrl: string;
  readonly sets: readonly MigrationSet[];
  readonly onApplied?: (owner: string, name: string) => void;
}

/** History and code differ: a migration that ran is missing, was renamed or was changed. */
export class MigrationDivergedError extends Error {
  constructor(detail: string) {
    super(`${detail} Migrations that ran are frozen; write a new one.`);
    this.name = 'MigrationDivergedError';
  }
}

/** Any number of them at once is fine: one works, the others wait and find it done. */
const LOCK = 7_214_066_631;

/** Brings the whole database up to date, one transaction per migration, and returns how many ran. */
export async function migrate(options: MigrateOptions): Promise<number> {
  const sql = createSql({
    url: options.ownerUrl,
    applicationName: 'keyfleet-migrate',
    max: 2,
    statementTimeoutMs: 0,
    lockTimeoutMs: 0,
    idleInTransactionTimeoutMs: 0,
  });
  try {
    return await transaction(sql, async (guard) => {
      await guard`select pg_advisory_xact_lock(${LOCK})`;
      await prepare(sql);
      let applied = 0;
      for (const set of options.sets) applied += await migrateSet(sql, set, options.onApplied);
      return applied;
    });
  } finally {
    await closeSql(sql);
  }
}

async function prepare(sql: Sql): Promise<void> {
  await sql
    .unsafe(`
    create schema if not exists migrations;
    create table if not exists migrations.applied (
      owner text not null, name text not null, ordinal int not null, hash text not null,
      applied_at timestamptz not null default now(), primary key (owner, name));
    grant usage on schema migrations to kf_store, kf_worker, kf_auth, kf_reader;
    grant select on migrations.applied to kf_store, kf_worker, kf_auth, kf_reader;`)
    .simple();
}

async function migrateSet(
  sql: Sql,
  set: MigrationSet,
  onApplied: MigrateOptions['onApplied'],
): Promise<number> {
  const history = await sql<{ name: string; hash: string }[]>`
    select name, hash from migrations.applied where owner = ${set.owner} order by ordinal`;
  for (const [ordinal, { name, hash }] of history.entries()) {
    const known = set.migrations[ordinal];
    if (known?.name !== name)
      throw new MigrationDivergedError(
        `${set.owner}/${name} ran here and is not at its place in this build.`,
      );
    if (hashOf(known) !== hash)
      throw new MigrationDivergedError(`${set.owner}/${name} was changed after it ran.`);
  }
  const missing = set.migrations.slice(history.length);
  for (const [index, migration] of missing.entries()) {
    await transaction(sql, async (tx) => {
      if (typeof migration.up === 'string') await tx.unsafe(migration.up).simple();
      else await migration.up(tx);
      await tx`insert into migrations.applied (owner, name, ordinal, hash)
        values (${set.owner}, ${migration.name}, ${history.length + index}, ${hashOf(migration)})`;
    });
    onApplied?.(set.owner, migration.name);
  }
  return missing.length;
}

function hashOf({ name, up }: Migration): string {
  return createHash('sha256')
    .update(typeof up === 'string' ? up : name)
    .digest('hex');
}

/** Whether every migration of this build has run: services wait for it and never migrate. */
export async function isMigrated(sql: Sql, sets: readonly MigrationSet[]): Promise<boolean> {
  try {
    const rows = await sql<{ owner: string; count: number }[]>`
      select owner, count(*)::int as count from migrations.applied group by owner`;
    const counts = new Map(rows.map(({ owner, count }) => [owner, count]));
    return sets.every(({ owner, migrations }) => (counts.get(owner) ?? 0) >= migrations.length);
  } catch {
    return false;
  }
}
