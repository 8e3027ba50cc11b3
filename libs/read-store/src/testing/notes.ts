import type { EventStore, NewEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { createPostgresEventStore, eventStoreMigrations } from '@keyfleet/event-store/postgres';
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
        create: (name) => `
          create table ${name} (org_id text not null, id text not null, text text not null, changes int not null,
            made_by int not null default ${version}, primary key (org_id, id)); ${orgTable(name)}`,
      },
      {
        name: 'test.totals',
        create: (name) => `
          create table ${name} (org_id text primary key, changes bigint not null, made_by int not null default ${version});
          ${orgTable(name)}`,
      },
    ],
    apply: async (events, { tx, table }) => {
      const rows = events.map(({ data, stream, metadata }) => {
        const { text } = data as { text: string };
        if (text === projection.poison) throw new TypeError(`cannot take ${text}`);
        return { org_id: metadata.orgId, id: stream, text };
      });
      await tx`
        insert into ${tx(table('test.notes'))} as n (org_id, id, text, changes)
        select org_id, id, (array_agg(text order by at desc))[1], count(*)
        from rows from (jsonb_to_recordset(${tx.json(rows as never)}) as (org_id text, id text, text text))
          with ordinality as r(org_id, id, text, at)
        group by org_id, id
        on conflict (org_id, id) do update set text = excluded.text, changes = n.changes + excluded.changes`;
      await tx`
        insert into ${tx(table('test.totals'))} as t (org_id, changes)
        select org_id, count(*) from jsonb_to_recordset(${tx.json(rows as never)}) as r(org_id text) group by org_id
        on conflict (org_id) do update set changes = t.changes + excluded.changes`;
      return events.map(({ metadata, stream }) => ({ orgId: metadata.orgId, ids: [stream] }));
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
  /** So many events over so many streams of one organisation; returns the position of the last. */
  writeMany(count: number, streams: number, orgId: string): Promise<string>;
  /** What both tables hold, as a superuser sees them. */
  everything(version?: number): Promise<unknown>;
  rows(): Promise<{ id: string; text: string; changes: number }[]>;
  close(): Promise<void>;
}

export interface NotesWorldOptions {
  /** A store that other processes can reach, instead of one in memory. */
  readonly sharedStore?: boolean;
}

export async function notesWorld(
  versions: readonly number[] = [1],
  { sharedStore = false }: NotesWorldOptions = {},
): Promise<NotesWorld> {
  const database = await createTestDatabase();
  const [first, ...later] = versions.map((version) => notesProjection(version));
  const sets: MigrationSet[] = [
    { owner: 'event-store', migrations: eventStoreMigrations },
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
  const store = sharedStore
    ? createPostgresEventStore({ url: database.urlFor('kf_store') })
    : createInMemoryEventStore({ clock: systemClock });
  const worker = createSql({
    url: database.urlFor('kf_worker'),
    applicationName: 'test',
    max: 8,
    lockTimeoutMs: 2_000,
  });
  const reader = createSql({ url: database.urlFor('kf_reader'), applicationName: 'test', max: 4 });
  let count = 0;
  let batch = 0;
  const note = (orgId: string, text: string): NewEvent => ({
    id: deriveId('evt', String(count++)),
    type: 'Noted',
    v: 1,
    data: { text },
    metadata: { orgId, actor: 'usr_1', at: new Date(0).toISOString() },
  });
  const append = async (stream: string, events: readonly NewEvent[]): Promise<string> => {
    const revision = await store.streamRevision(stream);
    const result = await store.append(stream, revision ?? 'no-stream', events);
    if (result.outcome === 'conflict') throw new Error('conflict');
    return result.position;
  };
  return {
    database,
    store,
    worker,
    reader,
    sets,
    write: (stream, orgId, text) => append(stream, [note(orgId, text)]),
    writeMany: async (events, streams, orgId) => {
      let last = '';
      for (let at = 0; at < events; at += 100) {
        const size = Math.min(100, events - at);
        last = await append(
          `note-${batch++ % streams}`,
          Array.from({ length: size }, (_, n) => note(orgId, String(at + n))),
        );
      }
      return last;
    },
    everything: async (version) => {
      const suffix = version === undefined ? '' : `_v${version}`;
      const [notes, totals] = await Promise.all([
        worker`select org_id, id, text, changes from ${worker(`test.notes${suffix}`)} order by org_id, id`,
        worker`select org_id, changes from ${worker(`test.totals${suffix}`)} order by org_id`,
      ]);
      return { notes: [...notes], totals: [...totals] };
    },
    rows: () => worker`select id, text, changes from test.notes order by id`,
    close: async () => {
      await Promise.all([closeSql(worker), closeSql(reader), store.close()]);
      await database.drop();
    },
  };
}
