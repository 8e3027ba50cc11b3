import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import postgres, { type Sql } from 'postgres';
import type { EventStoreFixture } from '../contract/fixture.contract.js';
import type { EventStore } from '../port.js';
import { createPostgresEventStore, eventStoreMigrations, type PostgresEventStoreOptions } from './index.js';

/** A migrated database of its own. */
export function storeDatabase(): Promise<TestDatabase> {
  return createTestDatabase({
    template: {
      key: 'event_store',
      prepare: async ({ url }) => {
        const sql = postgres(url, { max: 1 });
        for (const { up } of eventStoreMigrations) await up(sql);
        await sql.end();
      },
    },
  });
}

export interface PostgresFixture extends EventStoreFixture {
  readonly database: TestDatabase;
  open(options?: Partial<PostgresEventStoreOptions>): EventStore;
}

/** One database and one connected store for a spec file, emptied after each test: new ones would take most of its time. */
export function sharedFixture(): () => Promise<PostgresFixture> {
  let database: TestDatabase;
  let store: EventStore;
  beforeAll(async () => {
    database = await storeDatabase();
    store = createPostgresEventStore({ url: database.urlFor('kf_store') });
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });
  return async () => fixtureOf(database, store);
}

function fixtureOf(database: TestDatabase, store: EventStore): PostgresFixture {
  const opened: EventStore[] = [];
  const open = (options: Partial<PostgresEventStoreOptions> = {}): EventStore => {
    const another = createPostgresEventStore({ url: database.urlFor('kf_store'), ...options });
    opened.push(another);
    return another;
  };
  return {
    database,
    open,
    store,
    another: async () => open(),
    tick: () => {},
    disturb: () => disturb(database.superuserUrl),
    close: async () => {
      await Promise.all(opened.map((another) => another.close()));
      await asOwner(database, empty);
    },
  };
}

export async function asOwner<T>(database: TestDatabase, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  return work(sql).finally(() => sql.end());
}

async function empty(sql: Sql): Promise<void> {
  await sql`truncate store.events, store.streams, store.kinds, store.orgs, store.trimmed restart identity`;
  await sql`update store.floor set position = 0, recorded_at = '-infinity'`;
}

/** Again and again cancels what a writer runs or, more rarely, ends its session. */
function disturb(superuserUrl: string): () => Promise<void> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  const state = { stopped: false };
  const done = disturbUntil(sql, state);
  return async () => {
    state.stopped = true;
    await done;
    await sql.end();
  };
}

async function disturbUntil(sql: Sql, state: { readonly stopped: boolean }): Promise<void> {
  for (let n = 1; !state.stopped; n++) {
    const end = n % 10 === 0 ? sql`pg_terminate_backend(pid)` : sql`pg_cancel_backend(pid)`;
    await sql`
      select ${end} from pg_stat_activity
       where datname = current_database() and application_name like '% write' and state = 'active'
       order by random() limit 1`;
    await delay(20);
  }
}

/** What dump and restore make of a store: its rows, by COPY, in a new database with another history of transactions. */
export async function copyOf(database: TestDatabase): Promise<TestDatabase> {
  const copy = await storeDatabase();
  const [from, to] = [database, copy].map(({ superuserUrl }) => postgres(superuserUrl, { max: 1 }));
  for (const table of ['streams', 'kinds', 'orgs', 'events', 'floor', 'trimmed']) {
    await to?.unsafe(`truncate store.${table}`);
    const rows = await from?.unsafe(`copy store.${table} to stdout`).readable();
    const into = await to?.unsafe(`copy store.${table} from stdin`).writable();
    if (rows && into) await pipeline(rows, into);
  }
  for (const table of ['streams', 'kinds', 'orgs'])
    await to?.unsafe(
      `select setval(pg_get_serial_sequence('store.${table}', 'id'), (select coalesce(max(id), 1) from store.${table}))`,
    );
  await Promise.all([from?.end(), to?.end()]);
  return copy;
}
