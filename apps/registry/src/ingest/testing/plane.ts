import type { EventStore } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { TestClock } from '@keyfleet/testing';
import { Sync } from '../../sync/sync.js';
import type { Admission } from '../admission.js';
import { StoredAgents } from '../agents.js';
import { Epochs } from '../epochs.js';
import { Ingest } from '../ingest.js';
import { Journals } from '../journals.js';
import type { Quarantine, QuarantinedMessage } from '../quarantine.js';

export class KeptInMemory implements Quarantine {
  readonly kept: QuarantinedMessage[] = [];

  async keep(message: QuarantinedMessage): Promise<void> {
    this.kept.push(message);
  }
}

export interface Plane {
  readonly store: EventStore;
  readonly clock: TestClock;
  readonly quarantine: KeptInMemory;
  readonly errors: unknown[];
  readonly ingest: Ingest;
  readonly sync: Sync;
  /** Another process on the same store: it remembers nothing of what the first one knows. */
  replica(): Pick<Plane, 'ingest' | 'sync'>;
}

export interface PlaneOptions {
  readonly store?: EventStore;
  readonly admission?: Admission;
  readonly movesPerHour?: number;
}

export const TRUST = { trustBundle: ['-----BEGIN CERTIFICATE-----'], commandKeys: [`U${'A'.repeat(55)}`] };

/** The registry's end of the journal protocol on a store in memory. */
export function startPlane(options: PlaneOptions = {}): Plane {
  const clock = new TestClock();
  const store = options.store ?? createInMemoryEventStore({ clock });
  const quarantine = new KeptInMemory();
  const errors: unknown[] = [];
  const replica = () => {
    const agents = new StoredAgents({ store, clock });
    const journals = new Journals(store);
    const actor = 'svc_registry';
    const epochs = new Epochs({ agents, journals, clock, actor, movesPerHour: options.movesPerHour });
    const common = { store, agents, journals, epochs, quarantine, clock };
    const onError = (error: unknown) => errors.push(error);
    const announcements = {
      reconnectWindowMs: () => 5_000,
      trustBundle: () => TRUST.trustBundle,
      commandKeys: () => TRUST.commandKeys,
    };
    return {
      ingest: new Ingest({ ...common, onError, admission: options.admission }),
      sync: new Sync({ ...common, onError, announcements }),
    };
  };
  return { store, clock, quarantine, errors, ...replica(), replica };
}
