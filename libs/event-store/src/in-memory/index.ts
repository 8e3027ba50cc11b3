import type { Clock } from '@keyfleet/kernel';
import type { EventStore } from '../port.js';
import { InMemoryEventStore } from './store.js';

/** An empty event store in this process; `recordedAt` comes from the clock. */
export function createInMemoryEventStore({ clock }: { readonly clock: Clock }): EventStore {
  return new InMemoryEventStore(clock);
}
