import type { EventStore, NewEvent, RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import type { Sql } from '@keyfleet/postgres';
import { type DatabaseRole, TestClock } from '@keyfleet/testing';
import type { MigrationSet } from '../migrations/history.js';
import { Cursors } from '../paging/cursor.js';
import type { Projection } from '../projection.js';
import { readModelDatabase } from './read-model-database.js';

export type Happening = readonly [stream: string, type: string, data: object, actor?: string];

export interface ReadModelWorld {
  readonly clock: TestClock;
  readonly cursors: Cursors;
  readonly store: EventStore;
  as(role: DatabaseRole): Sql;
  /** Appends facts, a second apart, and projects them. */
  happen(orgId: string, facts: readonly Happening[]): Promise<readonly RecordedEvent[]>;
  project(events: readonly RecordedEvent[]): ReturnType<Projection['apply']>;
  /** An empty store and empty tables. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/** One read model on a real PostgreSQL, in the schema that these sets make, fed by hand. */
export async function readModelWorld(
  projection: Projection,
  sets: readonly MigrationSet[],
): Promise<ReadModelWorld> {
  const { as, emptyTables, close, ...database } = await readModelDatabase(sets);
  const clock = new TestClock();
  let store = createInMemoryEventStore({ clock });
  const project = (events: readonly RecordedEvent[]) => database.project(projection, events);
  return {
    clock,
    cursors: new Cursors('k'.repeat(32)),
    get store() {
      return store;
    },
    as,
    project,
    happen: async (orgId, facts) => {
      const after = await store.headPosition();
      for (const [stream, type, data, actor = 'usr_1'] of facts) {
        const at = new Date(clock.now()).toISOString();
        const metadata = { orgId, actor, at };
        const event: NewEvent = { id: newId('evt'), type, v: 1, data, metadata };
        await store.append(stream, (await store.streamRevision(stream)) ?? 'no-stream', [event]);
        clock.advance(1_000);
      }
      const { events } = await store.readAll({ after, filter: projection.filter });
      await project(events);
      return events;
    },
    empty: async () => {
      store = createInMemoryEventStore({ clock });
      await emptyTables(projection);
    },
    close,
  };
}
