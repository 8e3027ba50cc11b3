import type { EventStore, NewEvent, RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import { Cursors, type Projection } from '@keyfleet/read-store';
import { readModelDatabase } from '@keyfleet/read-store/testing';
import { type DatabaseRole, TestClock } from '@keyfleet/testing';
import { analyticsMigrations } from '../migrations.js';

export interface AnalyticsWorld {
  readonly clock: TestClock;
  readonly store: EventStore;
  readonly cursors: Cursors;
  as(role: DatabaseRole): Sql;
  urlFor(role: DatabaseRole): string;
  /** Appends one fact and lets this much time pass. */
  happen(
    stream: string,
    type: string,
    data: object,
    given?: { orgId?: string | null; actor?: string; at?: string; ms?: number },
  ): Promise<void>;
  events(): Promise<readonly RecordedEvent[]>;
  project(projection: Projection, events: readonly RecordedEvent[]): ReturnType<Projection['apply']>;
  /** An empty store and empty tables of this projection. */
  empty(projection: Projection): Promise<void>;
  close(): Promise<void>;
}

export const ORG = 'org_01932b1e-7c3a-7abc-8def-00000000000a';
export const OTHER = 'org_01932b1e-7c3a-7abc-8def-00000000000b';

/** The read models of analytics on a real PostgreSQL, fed by hand. */
export async function analyticsWorld(): Promise<AnalyticsWorld> {
  const { as, urlFor, project, emptyTables, close } = await readModelDatabase([analyticsMigrations]);
  const clock = new TestClock();
  let store = createInMemoryEventStore({ clock });
  return {
    clock,
    cursors: new Cursors('k'.repeat(32)),
    get store() {
      return store;
    },
    as,
    urlFor,
    happen: async (stream, type, data, { orgId = ORG, actor = 'usr_1', at, ms = 1_000 } = {}) => {
      const metadata = { orgId, actor, at: at ?? new Date(clock.now()).toISOString() };
      const event: NewEvent = { id: newId('evt'), type, v: 1, data, metadata };
      await store.append(stream, (await store.streamRevision(stream)) ?? 'no-stream', [event]);
      clock.advance(ms);
    },
    events: async () => (await store.readAll({ limit: 100_000 })).events,
    project,
    empty: async (projection) => {
      store = createInMemoryEventStore({ clock });
      await emptyTables(projection);
    },
    close,
  };
}
