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
];
