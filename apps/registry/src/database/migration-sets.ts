import { eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { identityMigrations } from '@keyfleet/identity/read-model';
import { type MigrationSet, projectionsMigrations } from '@keyfleet/read-store';
import { livenessMigrations, registryMigrations } from '@keyfleet/registry/read-model';
import type { Sql } from 'postgres';
import { authorityMigrations } from '../authority/migrations.js';
import { ingestMigrations } from '../ingest/migrations.js';

/** What the registry itself needs to be there before it starts. */
export const REGISTRY_MIGRATIONS: readonly MigrationSet[] = [
  { owner: 'event-store', migrations: onExecutor(eventStoreMigrations) },
  { owner: 'projections', migrations: projectionsMigrations },
  identityMigrations,
  registryMigrations,
  livenessMigrations,
  { owner: 'authority', migrations: onExecutor(authorityMigrations) },
  ingestMigrations,
];

/** Migrations written for a plain client run just as well on the migrator's. */
function onExecutor(
  migrations: readonly { readonly name: string; readonly up: (sql: Sql) => Promise<void> }[],
): MigrationSet['migrations'] {
  return migrations.map(({ name, up }) => ({ name, up: (tx) => up(tx as unknown as Sql) }));
}
