import { eventStoreContract } from '../contract/event-store.contract.js';
import type { EventStoreFixture } from '../contract/fixture.contract.js';
import type { EventStore } from '../port.js';
import { createKurrentEventStore } from './index.js';
import { startKurrentDouble } from './testing/double.js';
import type { ServerLog } from './testing/log.js';

/** The client's native reader gives `created` in whole seconds. */
const TICK_MS = 1_000;
const SERVER = process.env['KEYFLEET_TEST_KURRENTDB_URL'];

async function open(): Promise<EventStoreFixture> {
  const double = await startKurrentDouble();
  const opened: EventStore[] = [];
  const another = async (): Promise<EventStore> => {
    const store = createKurrentEventStore({ url: double.url });
    opened.push(store);
    return store;
  };
  return {
    store: await another(),
    another,
    tick: () => {
      double.log.shiftMs += TICK_MS;
    },
    disturb: () => disturb(double.log),
    close: async () => {
      await Promise.all(opened.map((store) => store.close()));
      await double.stop();
    },
  };
}

/** Breaks off every thirtieth append: by turns before it is written, and after, so that only its answer is lost. */
function disturb(log: ServerLog): () => Promise<void> {
  let appends = 0;
  log.breaks = () => {
    appends += 1;
    if (appends % 30 !== 0) return undefined;
    return appends % 60 === 0 ? 'before' : 'after';
  };
  return async () => {
    log.breaks = () => undefined;
  };
}

eventStoreContract('F21: KurrentDB, against a double of the server', open, { dense: false });

if (SERVER !== undefined) {
  eventStoreContract('F21: KurrentDB, against a real server', () => openServer(SERVER), { dense: false });
} else {
  process.stderr.write(
    'KurrentDB: KEYFLEET_TEST_KURRENTDB_URL is not set, the event store contract did NOT run against a real server.\n',
  );
  it('F21: the suite did NOT run against a real KurrentDB server (KEYFLEET_TEST_KURRENTDB_URL is not set)', () => {
    expect(SERVER).toBeUndefined();
  });
}

async function openServer(url: string): Promise<EventStoreFixture> {
  const opened: EventStore[] = [];
  const another = async (): Promise<EventStore> => {
    const store = createKurrentEventStore({ url });
    opened.push(store);
    return store;
  };
  return {
    store: await another(),
    another,
    tick: () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TICK_MS + 1);
    },
    close: async () => {
      await Promise.all(opened.map((store) => store.close()));
    },
  };
}
