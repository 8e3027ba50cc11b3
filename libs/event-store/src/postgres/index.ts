import type { EventStore } from '../port.js';
import type { PostgresEventStoreOptions } from './options.js';
import { PostgresEventStore } from './store.js';

export { eventStoreMigrations, type Migration } from './migrations.js';
export type { PostgresEventStoreOptions } from './options.js';
export type { OnStep, Step } from './steps.js';

/**
 * An event store in PostgreSQL (15 or later), migrated with `eventStoreMigrations`. Connects when first used and for
 * ever again after a loss; meanwhile calls get `store.unavailable`.
 */
export function createPostgresEventStore(options: PostgresEventStoreOptions): EventStore {
  return new PostgresEventStore(options);
}
