import type { EventStore } from './port.js';
import { createPostgresEventStore, type OnStep } from './postgres/index.js';

export const EVENT_STORE_DRIVERS = ['postgres', 'kurrentdb'] as const;
export type EventStoreDriver = (typeof EVENT_STORE_DRIVERS)[number];

export interface OpenEventStoreOptions {
  readonly driver: EventStoreDriver;
  /** Of the driver's own kind: `postgres://…` as kf_store, or `kurrentdb://…`; never logged. */
  readonly url?: string;
  /** Taken by the PostgreSQL driver where `url` is not given: the event store lies in the installation's database. */
  readonly databaseUrl?: string;
  readonly name?: string;
  readonly onStep?: OnStep;
}

/** The event store an installation was told to use. Throws where its address is missing. */
export async function openEventStore(options: OpenEventStoreOptions): Promise<EventStore> {
  const { driver, name, onStep } = options;
  const url = options.url ?? (driver === 'postgres' ? options.databaseUrl : undefined);
  if (url === undefined)
    throw new Error(
      driver === 'postgres'
        ? 'Set KEYFLEET_EVENT_STORE__URL or KEYFLEET_DATABASE__STORE_URL (or the same with _FILE): the event store has no address.'
        : 'Set KEYFLEET_EVENT_STORE__URL (or KEYFLEET_EVENT_STORE__URL_FILE): KurrentDB has no address.',
    );
  if (driver === 'postgres') return createPostgresEventStore({ url, name, onStep });
  // Loaded where it is used alone: it brings a client with a native part of its own.
  const { createKurrentEventStore } = await import('./kurrent/index.js');
  return createKurrentEventStore({ url, name, onStep });
}
