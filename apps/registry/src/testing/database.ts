import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { migrate } from '@keyfleet/read-store';
import { createTestDatabase, type DatabaseRole, type TestDatabase } from '@keyfleet/testing';
import { REGISTRY_MIGRATIONS } from '../database/migration-sets.js';

export interface RegistryDatabase extends TestDatabase {
  /** A pool as this role; closed with the database. */
  as(role: DatabaseRole): Sql;
}

/** A migrated database for one spec file. */
export async function registryDatabase(): Promise<RegistryDatabase> {
  const database = await createTestDatabase({
    template: {
      key: 'registry',
      prepare: async ({ url }) => void (await migrate({ ownerUrl: url, sets: REGISTRY_MIGRATIONS })),
    },
  });
  const pools = new Map<DatabaseRole, Sql>();
  return {
    ...database,
    as: (role) => {
      const pool =
        pools.get(role) ?? createSql({ url: database.urlFor(role), applicationName: 'test', max: 8 });
      pools.set(role, pool);
      return pool;
    },
    drop: async () => {
      await Promise.all([...pools.values()].map((pool) => closeSql(pool, 1_000)));
      await database.drop();
    },
  };
}
