import type { Sql } from 'postgres';
import { APPEND_FUNCTION } from './append-function.js';
import { EVENT_STORE_SCHEMA } from './schema.js';
import { APPEND_FUNCTION_0002 } from './schema-append-0002.js';

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
    name: '0002_append_shorter_under_the_lock',
    up: async (sql) => {
      await sql.unsafe(APPEND_FUNCTION_0002).simple();
    },
  },
  {
    // Beside the one before, which processes of the release before still call while they are replaced.
    name: '0003_append_provided',
    up: async (sql) => {
      await sql.unsafe(APPEND_FUNCTION).simple();
    },
  },
];
