import { waitFor } from '@keyfleet/testing';
import { Collector } from '../contract/collect.contract.js';
import { events, idsOf } from '../contract/fixture.contract.js';
import type { EventStore } from '../port.js';
import { asOwner, type PostgresFixture, sharedFixture } from './fixture.contract.js';

/** As if the server's disk had been put back to when it had so many events, under the processes that read it. */
async function putBack({ database }: PostgresFixture, to: number): Promise<void> {
  await asOwner(database, (sql) => sql`delete from store.events where position > ${to}`);
}

/** What a subscription from here on ends with; undefined while it goes on. */
function following(store: EventStore, after: string) {
  const found: { ended: unknown } = { ended: undefined };
  const stop = new AbortController();
  const done = (async () => {
    for await (const _ of store.subscribe({ after, signal: stop.signal }));
  })().catch((error: unknown) => {
    found.ended = error;
  });
  return { found, stop: () => (stop.abort(), done) };
}

const BEHIND = { name: 'StoreBehindError' };
const openFixture = sharedFixture();

it('repro-store-put-back: a subscription says so instead of passing over what comes in the old places', async () => {
  const fixture = await openFixture();
  const { store } = fixture;
  await store.append('agent-1', 'no-stream', events(5));
  const collector = new Collector(store);
  await collector.untilEvents(5);
  const { found, stop } = following(store, '5');
  const collected = expect(collector.ended()).rejects.toMatchObject(BEHIND);
  await putBack(fixture, 2);
  const ended = await waitFor(() => found.ended);
  expect(ended).toMatchObject(BEHIND);
  await stop();
  await collected;

  // Whoever begins again at what was put back with the store misses nothing.
  const fresh = events(2);
  await store.append('agent-1', 1n, fresh);
  const again = new Collector(store, { after: '2' });
  await again.untilEvents(2);
  expect(idsOf(again.events)).toEqual(idsOf(fresh));
  await again.stop();
  await fixture.close();
});

it('a subscription goes on where retention removed the newest events: none of them was put back', async () => {
  const fixture = await openFixture();
  const { store } = fixture;
  await store.append('usage-1', 'no-stream', events(3));
  const collector = new Collector(store);
  await collector.untilEvents(3);
  await store.trim('usage', '2999-01-01T00:00:00.000Z');
  await store.append('agent-1', 'no-stream', events(1));
  await collector.untilEvents(4);
  await collector.stop();
  await fixture.close();
});
