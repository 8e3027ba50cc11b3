import { setTimeout as delay } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '@keyfleet/testing';
import { eventStoreContract } from '../contract/event-store.contract.js';
import type { EventStoreFixture } from '../contract/fixture.contract.js';
import type { EventStore } from '../port.js';
import { createKurrentEventStore } from './index.js';
import { startKurrentDouble } from './testing/double.js';

async function open(): Promise<EventStoreFixture> {
  const double = await startKurrentDouble();
  const proxy = await startFaultProxy({ port: double.port });
  const opened: EventStore[] = [];
  const another = async (): Promise<EventStore> => {
    const store = createKurrentEventStore({ url: `kurrentdb://127.0.0.1:${proxy.port}?tls=false` });
    opened.push(store);
    return store;
  };
  return {
    store: await another(),
    another,
    tick: () => {
      double.log.shiftMs += 1;
    },
    disturb: () => disturb(proxy),
    close: async () => {
      await Promise.all(opened.map((store) => store.close()));
      await proxy.close();
      await double.stop();
    },
  };
}

/** Ends every connection again and again, whatever is under way on it. */
function disturb(proxy: FaultProxy): () => Promise<void> {
  const state = { stopped: false };
  const done = (async () => {
    while (!state.stopped) {
      await delay(150);
      proxy.reset();
    }
  })();
  return async () => {
    state.stopped = true;
    await done;
  };
}

eventStoreContract('F21: KurrentDB, against a double of the server', open, { dense: false });
