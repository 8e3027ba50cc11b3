import type { EventFilter } from '../port.js';
import { appended, type EventStoreFixture, event, events, everything, idsOf } from './fixture.contract.js';

/** Reading one stream, and reading everything. */
export function readContract(open: () => EventStoreFixture): void {
  const store = () => open().store;

  describe('readStream', () => {
    it('reads from a revision on, up to a limit, in both directions', async () => {
      const written = events(5);
      await store().append('agent-other', 'no-stream', events(2));
      await store().append('agent-1', 'no-stream', written);
      const ids = idsOf(written);
      const read = async (options: Parameters<ReturnType<typeof store>['readStream']>[1]) =>
        idsOf(await store().readStream('agent-1', options));
      expect(await read({})).toEqual(ids);
      expect(await read({ from: 3n })).toEqual(ids.slice(3));
      expect(await read({ from: 1n, limit: 2 })).toEqual(ids.slice(1, 3));
      expect(await read({ direction: 'backwards' })).toEqual(ids.toReversed());
      expect(await read({ direction: 'backwards', limit: 1 })).toEqual(ids.slice(4));
      expect(await read({ direction: 'backwards', from: 2n, limit: 2 })).toEqual([ids[2], ids[1]]);
      expect(await read({ from: 5n })).toEqual([]);
      expect(await read({ from: 90n, direction: 'backwards', limit: 1 })).toEqual([ids[4]]);
    });

    it('reads up to a moment, that moment included', async () => {
      for (const expected of ['no-stream', 0n, 1n] as const) {
        open().tick();
        await store().append('agent-1', expected, [event()]);
      }
      const read = await store().readStream('agent-1');
      const until = read[1]?.recordedAt ?? '';
      expect(await store().readStream('agent-1', { until })).toEqual(read.slice(0, 2));
      expect(await store().readStream('agent-1', { until, from: 1n })).toEqual(read.slice(1, 2));
      expect(await store().readStream('agent-1', { until: '2000-01-01T00:00:00Z' })).toEqual([]);
      expect(await store().readStream('agent-1', { until: '2999-01-01T00:00:00Z' })).toHaveLength(3);
    });

    it('knows nothing of a stream that does not exist', async () => {
      expect(await store().readStream('agent-none')).toEqual([]);
      expect(await store().streamRevision('agent-none')).toBeNull();
    });

    it('says the revision of the newest event of a stream', async () => {
      await store().append('agent-1', 'no-stream', events(3));
      expect(await store().streamRevision('agent-1')).toBe(2n);
    });
  });

  describe('readAll', () => {
    it('is empty at the beginning, which lies before the first event', async () => {
      const beginning = await store().headPosition();
      expect(await store().readAll()).toEqual({ events: [], upTo: beginning });
      const { position } = appended(await store().append('agent-1', 'no-stream', [event()]));
      expect(store().comparePositions(beginning, position)).toBe(-1);
      expect((await store().readAll({ after: beginning })).events).toHaveLength(1);
    });

    it('goes on after any position, page by page, ascending over all streams', async () => {
      for (let n = 0; n < 4; n++) await store().append(`agent-${n % 2}`, at(n), events(2));
      const all = await everything(store());
      for (const [index, { position }] of all.entries()) {
        expect((await store().readAll({ after: position })).events).toEqual(all.slice(index + 1));
        const page = await store().readAll({ after: position, limit: 2 });
        expect(page.events).toEqual(all.slice(index + 1, index + 3));
        expect(page.upTo).toBe((page.events.at(-1) ?? all.at(-1))?.position);
      }
      expect(all).toHaveLength(8);
      expect(await store().headPosition()).toBe(all.at(-1)?.position);
    });

    const filters: [string, EventFilter, number[]][] = [
      ['a category', { categories: ['agent'] }, [0, 3]],
      ['several categories', { categories: ['agent', 'policy'] }, [0, 2, 3]],
      ['a type', { types: ['Opened'] }, [0, 1]],
      ['several types', { types: ['Opened', 'Closed'] }, [0, 1, 3]],
      ['category and type', { categories: ['agent', 'policy'], types: ['Closed', 'Noted'] }, [2, 3]],
      ['what there never was', { categories: ['nobody'], types: ['NeverSeen'] }, []],
    ];
    it.each(filters)('finds the events of %s only and looks to the end', async (_name, filter, indexes) => {
      await store().append('agent-1', 'no-stream', [event('Opened')]);
      await store().append('agents-1', 'no-stream', [event('Opened')]);
      await store().append('policy-1', 'no-stream', [event('Noted')]);
      await store().append('agent-1', 0n, [event('Closed')]);
      await store().append('rotation-1', 'no-stream', [event('Ended')]);
      const all = await everything(store());
      const page = await store().readAll({ filter });
      expect(page.events).toEqual(indexes.map((index) => all[index]));
      expect(page.upTo).toBe(all.at(-1)?.position);
      expect((await store().readAll({ filter, after: page.upTo })).upTo).toBe(page.upTo);
    });

    it('ends a filtered page at its last event where the limit was reached', async () => {
      for (let n = 0; n < 3; n++) {
        await store().append(`agent-${n}`, 'no-stream', [event('Opened'), event('Closed')]);
      }
      const all = await everything(store());
      const page = await store().readAll({ filter: { types: ['Opened'] }, limit: 2 });
      expect(page).toEqual({ events: [all[0], all[2]], upTo: all[2]?.position });
    });
  });

  describe('positions', () => {
    it('are compared by the store: a total order in which each equals itself', async () => {
      for (let n = 0; n < 12; n++)
        await store().append('agent-1', n ? BigInt(n - 1) : 'no-stream', [event()]);
      const positions = (await everything(store())).map(({ position }) => position);
      for (const [i, a] of positions.entries())
        for (const [j, b] of positions.entries())
          expect(store().comparePositions(a, b)).toBe(Math.sign(i - j));
    });
  });
}

/** The expectation of the n-th append of two events, where two streams take turns. */
function at(n: number): 'no-stream' | bigint {
  return n < 2 ? 'no-stream' : BigInt(Math.floor(n / 2) * 2 - 1);
}
