import type { EventStore, SubscribeOptions, SubscriptionItem } from '../port.js';
import { Collector } from './collect.contract.js';
import { appended, type EventStoreFixture, event, events, everything, idsOf } from './fixture.contract.js';

/** What a subscriber gets, when it ends, and that nothing runs ahead of it. */
export function subscriptionContract(open: () => EventStoreFixture): void {
  const store = () => open().store;
  const collectors: Collector[] = [];
  const collect = (options?: Omit<SubscribeOptions, 'signal'>, from = store()): Collector => {
    const collector = new Collector(from, options);
    collectors.push(collector);
    return collector;
  };

  describe('subscribe', () => {
    // In here, so that they end before the fixture is emptied.
    afterEach(async () => {
      await Promise.all(collectors.splice(0).map((collector) => collector.stop()));
    });

    it('gives what there is and then what comes, from this client and from another', async () => {
      const [before, mine, theirs] = [events(3), events(2), events(2)];
      await store().append('agent-1', 'no-stream', before);
      const collector = await collect().untilEvents(3);
      await store().append('agent-1', 2n, mine);
      await collector.untilEvents(5);
      await (await open().another()).append('agent-2', 'no-stream', theirs);
      await collector.untilEvents(7);
      expect(collector.events).toEqual(await everything(store()));
      expect(idsOf(collector.events)).toEqual(idsOf([...before, ...mine, ...theirs]));
    });

    it('goes on after any position with exactly the rest', async () => {
      for (let n = 0; n < 5; n++) await store().append(`agent-${n}`, 'no-stream', events(2));
      const all = await everything(store());
      for (const [index, { position }] of all.slice(0, -1).entries()) {
        const collector = await collect({ after: position }).untilEvents(all.length - index - 1);
        expect(collector.events).toEqual(all.slice(index + 1));
      }
    });

    it('after the newest event waits for the next', async () => {
      await store().append('agent-1', 'no-stream', events(2));
      const collector = collect({ after: await store().headPosition() });
      await store().append('agent-1', 1n, [event('Late')]);
      await collector.untilEvents(1);
      expect(collector.events.map(({ type }) => type)).toEqual(['Late']);
    });

    it('gives every subscriber everything, each at its own pace', async () => {
      await store().append('agent-1', 'no-stream', events(30));
      const [fast, slow] = [collect(), collect({ bufferSize: 1 })];
      await Promise.all([fast.untilEvents(30), slow.untilEvents(30)]);
      expect(slow.events).toEqual(fast.events);
    });

    it('may leave out of a batch what is not the newest of its type in a stream, where only that matters', async () => {
      const said = ['Noted', 'Used', 'Noted', 'Noted', 'Used', 'Noted'];
      for (let n = 0; n < 4; n++) {
        await store().append(
          `journal-${n}`,
          'no-stream',
          said.map((type) => event(type)),
        );
        await store().append(`agent-${n}`, 'no-stream', events(3));
      }
      const all = await everything(store());
      for (const bufferSize of [1, 5, 7, 1_000]) {
        const collector = collect({ newestOf: ['journal'], bufferSize });
        const head = await store().headPosition();
        await collector.until(({ upTo }) => upTo === head);
        const given = collector.events;
        expect(given).toEqual(all.filter(({ id }) => given.some((one) => one.id === id)));
        expect(given.filter(({ stream }) => stream.startsWith('agent-'))).toHaveLength(12);
        for (let n = 0; n < 4; n++)
          for (const type of ['Noted', 'Used']) {
            const of = (list: typeof all) =>
              list.filter((one) => one.stream === `journal-${n}` && one.type === type);
            expect(of(given).at(-1)).toEqual(of(all).at(-1));
          }
      }
    });

    it('moves on by marks where the filter lets nothing through, before and after', async () => {
      await store().append('agent-1', 'no-stream', [event('Opened'), ...events(20, 'Noted')]);
      const collector = collect({ filter: { types: ['Opened'] } });
      const head = await store().headPosition();
      await collector.until(({ upTo }) => upTo === head);
      const last = appended(await store().append('policy-1', 'no-stream', events(3, 'Noted')));
      await collector.until(({ upTo }) => upTo === last.position);
      expect(collector.events).toHaveLength(1);
      expect(collector.items.at(-1)).toEqual({ kind: 'mark', upTo: last.position });
      expectAscending(store(), collector.items);
    });

    it('never marks beyond an event it has still to give', async () => {
      const collector = collect({ filter: { types: ['Opened'] }, bufferSize: 2 });
      for (let n = 0; n < 40; n++)
        await store().append(`agent-${n}`, 'no-stream', [event(n % 3 ? 'Noted' : 'Opened')]);
      const head = await store().headPosition();
      await collector.until(({ upTo }) => upTo === head);
      expectAscending(store(), collector.items);
      expect(collector.events).toEqual((await everything(store())).filter(({ type }) => type === 'Opened'));
    });

    it('ends by its signal: before the start, while waiting and while the consumer is busy', async () => {
      const ended = collect();
      await ended.stop();
      const early = AbortSignal.abort();
      for await (const batch of store().subscribe({ signal: early })) throw new Error(`got ${batch.length}`);
      await store().append('agent-1', 'no-stream', events(5));
      const busy = new AbortController();
      let batches = 0;
      for await (const batch of store().subscribe({ signal: busy.signal, bufferSize: 1 })) {
        expect(batch).toHaveLength(1);
        batches += 1;
        busy.abort();
      }
      expect(batches).toBe(1);
    });

    it('ends when its consumer breaks off', async () => {
      await store().append('agent-1', 'no-stream', events(5));
      for await (const batch of store().subscribe({
        signal: new AbortController().signal,
        bufferSize: 2,
      })) {
        expect(batch).toHaveLength(2);
        break;
      }
    });

    it('holds no more than the buffer for a consumer that is slow, and reads nothing ahead', async () => {
      for (let n = 0; n < 20; n++) await store().append(`agent-${n}`, 'no-stream', events(10));
      const subscription = store().subscribe({ bufferSize: 7, signal: new AbortController().signal });
      const iterator = subscription[Symbol.asyncIterator]();
      const first = await iterator.next();
      expect(first.value).toHaveLength(7);
      // What was not yet handed out goes away; only what is held already can still come.
      open().tick();
      await store().append('later-1', 'no-stream', [event('Marker')]);
      const marker = (await store().readStream('later-1'))[0];
      await store().trim('agent', marker?.recordedAt ?? '');
      const rest: SubscriptionItem[] = [];
      while (!rest.some((item) => item.kind === 'event' && item.event.type === 'Marker')) {
        const { value } = await iterator.next();
        expect(value.length).toBeLessThanOrEqual(8);
        rest.push(...value);
      }
      await iterator.return?.();
      expect(rest.filter(({ kind }) => kind === 'event').length).toBeLessThanOrEqual(7 + 1);
    });
  });
}

function expectAscending(store: EventStore, items: readonly SubscriptionItem[]): void {
  const positions = items.map((item) => (item.kind === 'mark' ? item.upTo : item.event.position));
  for (const [index, position] of positions.slice(1).entries())
    expect(store.comparePositions(positions[index] as string, position)).toBe(-1);
}
