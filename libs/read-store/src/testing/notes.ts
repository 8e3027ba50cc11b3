import type { EventStore, NewEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { deriveId, systemClock } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import type { MigrationSet } from '../migrations/history.js';
import { migrate } from '../migrations/migrate.js';
import { projectionMigration } from '../migrations/projection-tables.js';
import type { Projection } from '../projection.js';
import { projectionsMigrations } from '../projections/schema.js';
import { orgTable } from '../tenancy/org-table.js';

/** A small read model for the tests: notes of organisations, with a switch that makes one event poisonous. */
export const ORG_A = 'org_01932b1e-7c3a-7abc-8def-00000000000a';
export const ORG_B = 'org_01932b1e-7c3a-7abc-8def-00000000000b';

export interface NotesProjection extends Projection {
  /** Events with this text are refused while set. */
  poison: string | null;
}

export function notesProjection(version = 1): NotesProjection {
  const projection: NotesProjection = {
    poison: null,
    name: 'test.notes',
    version,
    filter: { categories: ['note'] },
    tables: [
      {
        name: 'test.notes',
        create: (name) =>
          `create table ${name} (org_id text not null, id text not null, text text not null, changes int not null, primary key (org_id, id)); ${orgTable(name)}`,
      },
    ],
    apply: async (events, { tx, table }) => {
      for (const event of events) {
        const { text } = event.data as { text: string };
        if (text === projection.poison) throw new TypeError('cannot take this');
        await tx`insert into ${tx(table('test.notes'))} as n (org_id, id, text, changes)
          values (${event.metadata.orgId}, ${event.stream}, ${text}, 1)
          on conflict (org_id, id) do update set text = excluded.text, changes = n.changes + 1`;
      }
      return events.map((event) => ({ orgId: event.metadata.orgId, ids: [event.stream] }));
    },
  };
  return projection;
}

export interface NotesWorld {
  readonly database: TestDatabase;
  readonly store: EventStore;
  /** As kf_worker. */
  readonly worker: Sql;
  readonly reader: Sql;
  readonly sets: readonly MigrationSet[];
  write(stream: string, orgId: string, text: string): Promise<string>;
  rows(): Promise<{ id: string; text: string; changes: number }[]>;
  close(): Promise<void>;
}

export async function notesWorld(versions: readonly number[] = [1]): Promise<NotesWorld> {
  const database = await createTestDatabase();
  const store = createInMemoryEventStore({ clock: systemClock });
  const [first, ...later] = versions.map((version) => notesProjection(version));
  const sets: MigrationSet[] = [
    { owner: 'projections', migrations: projectionsMigrations },
    {
      owner: 'test',
      migrations: [
        { name: '0000_schema', up: 'create schema test; grant usage on schema test to kf_worker, kf_reader' },
        ...[first, ...later].flatMap((one) =>
          one ? [projectionMigration(one, `000${one.version}_notes`)] : [],
        ),
      ],
    },
  ];
  await migrate({ ownerUrl: database.url, sets });
  const worker = createSql({ url: database.urlFor('kf_worker'), applicationName: 'test', max: 8 });
  const reader = createSql({ url: database.urlFor('kf_reader'), applicationName: 'test', max: 4 });
  let count = 0;
  return {
    database,
    store,
    worker,
    reader,
    sets,
    write: async (stream, orgId, text) => {
      count += 1;
      const revision = await store.streamRevision(stream);
      const event: NewEvent = {
        id: deriveId('evt', String(count)),
        type: 'Noted',
        v: 1,
        data: { text },
        metadata: { orgId, actor: 'usr_1', at: new Date(0).toISOString() },
      };
      const result = await store.append(stream, revision ?? 'no-stream', [event]);
      if (result.outcome === 'conflict') throw new Error('conflict');
      return result.position;
    },
    rows: () => worker`select id, text, changes from test.notes order by id`,
    close: async () => {
      await Promise.all([closeSql(worker), closeSql(reader), store.close()]);
      await database.drop();
    },
  };
}
