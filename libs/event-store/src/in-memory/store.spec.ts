import { TestClock } from '@keyfleet/testing';
import { eventStoreContract } from '../contract/event-store.contract.js';
import { event } from '../contract/fixture.contract.js';
import { createInMemoryEventStore } from './index.js';

eventStoreContract(
  'in memory',
  async () => {
    const clock = new TestClock();
    const store = createInMemoryEventStore({ clock });
    return {
      store,
      another: async () => store,
      tick: () => clock.advance(1),
      close: () => store.close(),
    };
  },
  { dense: true },
);

it('recordedAt comes from the clock and stands still while the clock was set back', async () => {
  const clock = new TestClock('2026-05-01T00:00:00.250Z');
  const store = createInMemoryEventStore({ clock });
  await store.append('agent-1', 'no-stream', [event()]);
  clock.jumpTo('2026-04-01T00:00:00.000Z');
  await store.append('agent-1', 0n, [event()]);
  clock.jumpTo('2026-05-01T00:00:01.000Z');
  await store.append('agent-1', 1n, [event()]);
  expect((await store.readStream('agent-1')).map(({ recordedAt }) => recordedAt)).toEqual([
    '2026-05-01T00:00:00.250000Z',
    '2026-05-01T00:00:00.250000Z',
    '2026-05-01T00:00:01.000000Z',
  ]);
});
