import type { Sql } from 'postgres';
import { EVENT_STORE_SCHEMA } from './schema.js';

export interface Migration {
  readonly name: string;
  readonly up: (sql: Sql) => Promise<void>;
}

/** Run in order, each in a transaction of the caller's, as the owner; the role `kf_store` must exist. */
export const eventStoreMigrations: readonly Migration[] = [
  {
    name: '0001_event_store',
    up: async (sql) => {
      await sql.unsafe(EVENT_STORE_SCHEMA).simple();
    },
  },
  {
    // Its plans do not depend on what is in the lists, and planning them anew took longer than a small group's writing.
    name: '0002_append_plans_once',
    up: async (sql) => {
      await sql.unsafe('alter function store.append_group set plan_cache_mode = force_generic_plan').simple();
    },
  },
];
