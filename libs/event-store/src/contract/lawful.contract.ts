import type { EventStore } from '../port.js';

/** As much of a store as the laws of reading speak of. */
export type Lawful = Pick<
  EventStore,
  'append' | 'readAll' | 'subscribe' | 'streamRevision' | 'headPosition' | 'comparePositions'
>;
