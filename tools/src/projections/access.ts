import { existsSync, readFileSync } from 'node:fs';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { Layout } from '../launcher/layout.js';

/** What the commands may do: a worker's rights over read models, and reading the event store where it is needed. */
export interface Access {
  readonly sql: Sql;
  store(): EventStore;
  close(): Promise<void>;
}

export class NoInstallation extends Error {}

/**
 * By the variables the services take (`KEYFLEET_DATABASE__WORKER_URL_FILE`, `…__STORE_URL_FILE`), else by the files of
 * the installation in this folder. Throws `NoInstallation` where there is neither.
 */
export function openAccess(root: string = process.cwd()): Access {
  const sql = createSql({ url: urlOf(root, 'worker'), applicationName: 'keyfleet projections', max: 3 });
  let store: EventStore | undefined;
  return {
    sql,
    store: () => {
      store ??= createPostgresEventStore({ url: urlOf(root, 'store'), name: 'keyfleet projections' });
      return store;
    },
    close: async () => {
      await store?.close();
      await closeSql(sql, 1_000);
    },
  };
}

function urlOf(root: string, role: 'worker' | 'store'): string {
  const variable = `KEYFLEET_DATABASE__${role.toUpperCase()}_URL_FILE`;
  const file = process.env[variable] ?? new Layout(root).in('secrets', `database-kf_${role}-url`);
  if (!existsSync(file))
    throw new NoInstallation(
      `There is no installation in this folder; run this where it lies, or name the file with the database's URL in ${variable}.`,
    );
  return readFileSync(file, 'utf8').trim();
}
