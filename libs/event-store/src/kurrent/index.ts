import type { EventStore } from '../port.js';
import type { KurrentEventStoreOptions } from './options.js';
import { KurrentEventStore } from './store.js';

export type { KurrentEventStoreOptions } from './options.js';

/**
 * An event store in KurrentDB (EventStoreDB 22.6 or later). Connects when first used and for ever again after a loss;
 * meanwhile calls get `store.unavailable`. Positions are the log's commit positions, as decimal text.
 */
export function createKurrentEventStore(options: KurrentEventStoreOptions): EventStore {
  return new KurrentEventStore(options);
}
