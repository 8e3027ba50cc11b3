import type { RecordedEvent } from '@keyfleet/event-store';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { createTestDatabase, type DatabaseRole } from '@keyfleet/testing';
import type { MigrationSet } from '../migrations/history.js';
import { migrate } from '../migrations/migrate.js';
import { type Projection, physicalName } from '../projection.js';
import { projectionsMigrations } from '../projections/schema.js';

/** A real PostgreSQL of a spec's own. */
export interface ReadModelDatabase {
  as(role: DatabaseRole): Sql;
  urlFor(role: DatabaseRole): string;
  /** Applies events as the projection's host does: in one transaction, as the worker. */
  project(projection: Projection, events: readonly RecordedEvent[]): ReturnType<Projection['apply']>;
  emptyTables(projection: Projection): Promise<void>;
  close(): Promise<void>;
}

/** With the tables that these sets make. */
export async function readModelDatabase(sets: readonly MigrationSet[]): Promise<ReadModelDatabase> {
  const database = await createTestDatabase();
  const projections = { owner: 'projections', migrations: projectionsMigrations };
  await migrate({ ownerUrl: database.url, sets: [projections, ...sets] });
  const pools = new Map<DatabaseRole, Sql>();
  const as = (role: DatabaseRole): Sql => {
    const pool =
      pools.get(role) ?? createSql({ url: database.urlFor(role), applicationName: 'test', max: 2 });
    pools.set(role, pool);
    return pool;
  };
  const tableOf = (projection: Projection) => (name: string) => physicalName(name, projection.version);
  return {
    as,
    urlFor: (role) => database.urlFor(role),
    project: (projection, events) =>
      transaction(as('kf_worker'), (tx) => projection.apply(events, { tx, table: tableOf(projection) })),
    emptyTables: async (projection) => {
      for (const { name } of projection.tables)
        await as('kf_worker').unsafe(`delete from ${tableOf(projection)(name)}`);
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => closeSql(pool, 1_000)));
      await database.drop();
    },
  };
}
