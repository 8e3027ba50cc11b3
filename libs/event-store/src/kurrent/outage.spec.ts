import { startFaultProxy } from '@keyfleet/testing';
import { Collector } from '../contract/collect.contract.js';
import { event, everything, idsOf } from '../contract/fixture.contract.js';
import { createKurrentEventStore } from './index.js';
import { startKurrentDouble } from './testing/double.js';

const UNAVAILABLE = { code: 'store.unavailable' };

it('a server that hangs is store.unavailable at the deadline, and a subscription goes on where it was', async () => {
  const double = await startKurrentDouble();
  const proxy = await startFaultProxy({ port: double.port });
  const url = `kurrentdb://127.0.0.1:${proxy.port}?tls=false`;
  const store = createKurrentEventStore({ url, deadlineMs: 1_500, pollMs: 200 });
  const collector = new Collector(store);
  await store.append('agent-1', 'no-stream', [event()]);
  await collector.untilEvents(1);
  proxy.set({ mode: 'silence' });
  await expect(store.headPosition()).rejects.toMatchObject(UNAVAILABLE);
  proxy.heal();
  proxy.reset();
  const direct = createKurrentEventStore({ url: double.url });
  await direct.append('agent-1', 0n, [event()]);
  await collector.untilEvents(2);
  expect(idsOf(collector.events)).toEqual(idsOf(await everything(direct)));
  await collector.stop();
  await Promise.all([store.close(), direct.close()]);
  await proxy.close();
  await double.stop();
}, 30_000);

it('a server that hangs holds up neither the end of a subscription nor, for long, that of the process', async () => {
  const double = await startKurrentDouble();
  const proxy = await startFaultProxy({ port: double.port });
  const store = createKurrentEventStore({
    url: `kurrentdb://127.0.0.1:${proxy.port}?tls=false`,
    deadlineMs: 60_000,
  });
  await store.append('agent-1', 'no-stream', [event()]);
  proxy.set({ mode: 'silence' });
  const collector = new Collector(store);
  await collector.stop();
  await store.close();
  await proxy.close();
  await double.stop();
}, 15_000);

it('closes only when what was asked of the server is over: nothing of it comes into the end of the process', async () => {
  const double = await startKurrentDouble();
  const store = createKurrentEventStore({ url: double.url });
  await store.append('agent-1', 'no-stream', [event()]);
  let open = 0;
  const asked = [store.readAll(), store.readStream('agent-1'), store.headPosition()];
  for (const one of asked) {
    open += 1;
    void one.catch(() => undefined).finally(() => (open -= 1));
  }
  await store.close();
  expect(open).toBe(0);
  await double.stop();
}, 15_000);

it('a server that was restarted is found again: nothing lost, nothing twice, the same append sent again', async () => {
  const first = await startKurrentDouble();
  const { port, log } = first;
  const store = createKurrentEventStore({ url: first.url, deadlineMs: 2_000, pollMs: 200 });
  const collector = new Collector(store);
  const written = [event(), event()];
  await store.append('agent-1', 'no-stream', written);
  await collector.untilEvents(2);
  await first.stop();
  await expect(store.append('agent-1', 1n, [event()])).rejects.toMatchObject(UNAVAILABLE);
  const second = await startKurrentDouble({ port, log });
  const again = async () => store.append('agent-1', 'no-stream', written).catch(() => undefined);
  let result = await again();
  for (const ceiling = performance.now() + 15_000; !result && performance.now() < ceiling; )
    result = await again();
  expect(result).toMatchObject({ outcome: 'appended', idempotent: true, revision: 1n });
  await store.append('agent-1', 1n, [event('Late')]);
  await collector.untilEvents(3);
  expect(collector.events.map(({ revision }) => revision)).toEqual([0n, 1n, 2n]);
  await collector.stop();
  await store.close();
  await second.stop();
}, 40_000);

it('a node that is not the leader any more is store.unavailable, never an answer that may be old', async () => {
  const leader = await startKurrentDouble();
  const follower = await startKurrentDouble({ log: leader.log, leaderPort: leader.port });
  const store = createKurrentEventStore({ url: follower.url, deadlineMs: 2_000 });
  await expect(store.headPosition()).rejects.toMatchObject(UNAVAILABLE);
  await store.close();
  await Promise.all([leader.stop(), follower.stop()]);
}, 20_000);
