import type { EventStore, NewEvent, RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { Cursors, migrate, type Projection, physicalName, projectionsMigrations } from '@keyfleet/read-store';
import { createTestDatabase, type DatabaseRole, TestClock } from '@keyfleet/testing';
import { analyticsMigrations } from '../migrations.js';

export interface AnalyticsWorld {
  readonly clock: TestClock;
  readonly store: EventStore;
  readonly cursors: Cursors;
  as(role: DatabaseRole): Sql;
  /** Appends one fact and lets this much time pass. */
  happen(
    stream: string,
    type: string,
    data: object,
    given?: { orgId?: string | null; actor?: string; at?: string; ms?: number },
  ): Promise<void>;
  events(): Promise<readonly RecordedEvent[]>;
  project(projection: Projection, events: readonly RecordedEvent[]): Promise<unknown>;
  /** An empty store and empty tables of this projection. */
  empty(projection: Projection): Promise<void>;
  close(): Promise<void>;
}

export const ORG = 'org_01932b1e-7c3a-7abc-8def-00000000000a';
export const OTHER = 'org_01932b1e-7c3a-7abc-8def-00000000000b';

/** The read models of analytics on a real PostgreSQL, fed by hand. */
export async function analyticsWorld(): Promise<AnalyticsWorld> {
  const database = await createTestDatabase();
  const projections = { owner: 'projections', migrations: projectionsMigrations };
  await migrate({ ownerUrl: database.url, sets: [projections, analyticsMigrations] });
  const clock = new TestClock();
  const pools = new Map<DatabaseRole, Sql>();
  const as = (role: DatabaseRole): Sql => {
    const pool =
      pools.get(role) ?? createSql({ url: database.urlFor(role), applicationName: 'spec', max: 2 });
    pools.set(role, pool);
    return pool;
  };
  let store = createInMemoryEventStore({ clock });
  const tableOf = (projection: Projection) => (name: string) => physicalName(name, projection.version);
  return {
    clock,
    cursors: new Cursors('k'.repeat(32)),
    get store() {
      return store;
    },
    as,
    happen: async (stream, type, data, { orgId = ORG, actor = 'usr_1', at, ms = 1_000 } = {}) => {
      const metadata = { orgId, actor, at: at ?? new Date(clock.now()).toISOString() };
      const event: NewEvent = { id: newId('evt'), type, v: 1, data, metadata };
      await store.append(stream, (await store.streamRevision(stream)) ?? 'no-stream', [event]);
      clock.advance(ms);
    },
    events: async () => (await store.readAll({ limit: 100_000 })).events,
    project: (projection, events) =>
      transaction(as('kf_worker'), (tx) => projection.apply(events, { tx, table: tableOf(projection) })),
    empty: async (projection) => {
      store = createInMemoryEventStore({ clock });
      for (const { name } of projection.tables)
        await as('kf_worker').unsafe(`delete from ${tableOf(projection)(name)}`);
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => closeSql(pool, 1_000)));
      await database.drop();
    },
  };
}
