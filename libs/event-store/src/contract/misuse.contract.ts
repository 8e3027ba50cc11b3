import { MAX_APPEND_EVENTS, type NewEvent } from '../port.js';
import { Collector } from './collect.contract.js';
import { appended, type EventStoreFixture, event, events, everything } from './fixture.contract.js';

/** Programming mistakes, and the end. */
export function misuseContract(open: () => EventStoreFixture): void {
  const store = () => open().store;

  describe('a programming mistake is a TypeError, and nothing is written', () => {
    const one = event();
    const cyclic: Record<string, unknown> = {};
    cyclic.itself = cyclic;
    const appends: [string, string, unknown, unknown][] = [
      ['no events', 'agent-1', 'no-stream', []],
      ['too many events', 'agent-1', 'no-stream', events(MAX_APPEND_EVENTS + 1)],
      ['an event twice', 'agent-1', 'no-stream', [one, one]],
      ['a stream without category', 'agent', 'no-stream', [one]],
      ['a stream in capitals', 'Agent-1', 'no-stream', [one]],
      ['a stream with a separator', 'agent-1\u001e2', 'no-stream', [one]],
      ['a stream name without end', `agent-${'x'.repeat(201)}`, 'no-stream', [one]],
      ['a negative expectation', 'agent-1', -1n, [one]],
      ['a number as expectation', 'agent-1', 0, [one]],
      ['no expectation', 'agent-1', undefined, [one]],
      ['"any" as expectation', 'agent-1', 'any', [one]],
      ['an id of another kind', 'agent-1', 'no-stream', [{ ...one, id: one.id.replace('evt', 'agt') }]],
      ['an id in capitals', 'agent-1', 'no-stream', [{ ...one, id: one.id.toUpperCase() }]],
      ['a type with a separator', 'agent-1', 'no-stream', [{ ...one, type: 'Secret\u001fRotated' }]],
      ['a type in lower case', 'agent-1', 'no-stream', [{ ...one, type: 'secretRotated' }]],
      ['version 0', 'agent-1', 'no-stream', [{ ...one, v: 0 }]],
      ['version 1.5', 'agent-1', 'no-stream', [{ ...one, v: 1.5 }]],
      ['no data', 'agent-1', 'no-stream', [{ ...one, data: undefined }]],
      ['a bigint in the data', 'agent-1', 'no-stream', [{ ...one, data: { n: 1n } }]],
      ['a cycle in the data', 'agent-1', 'no-stream', [{ ...one, data: cyclic }]],
      [
        'an organisation that is none',
        'agent-1',
        'no-stream',
        [{ ...one, metadata: { ...one.metadata, orgId: 'acme' } }],
      ],
    ];
    it.each(appends)('append: %s', async (_name, stream, expected, list) => {
      const given = [stream, expected as bigint, list as NewEvent[]] as const;
      await expect(store().append(...given)).rejects.toThrow(TypeError);
      const valid = { stream: 'agent-0', expectedRevision: 'no-stream', events: [event()] } as const;
      const batch = [valid, { stream, expectedRevision: given[1], events: given[2] }];
      await expect(store().appendBatch(batch)).rejects.toThrow(TypeError);
      expect(await everything(store())).toEqual([]);
    });

    it('appendBatch: a stream twice', async () => {
      const twice = events(2).map(
        (each) => ({ stream: 'agent-1', expectedRevision: 'no-stream', events: [each] }) as const,
      );
      await expect(store().appendBatch(twice)).rejects.toThrow(TypeError);
      expect(await everything(store())).toEqual([]);
    });

    it('reads: positions, limits, filters, moments and names that cannot be', async () => {
      const { signal } = new AbortController();
      await expect(store().readAll({ after: 'yesterday' })).rejects.toThrow(TypeError);
      await expect(store().readAll({ limit: 0 })).rejects.toThrow(TypeError);
      await expect(store().readAll({ limit: 1.5 })).rejects.toThrow(TypeError);
      await expect(store().readAll({ filter: { types: [] } })).rejects.toThrow(TypeError);
      await expect(store().readAll({ filter: { categories: ['Agent,x'] } })).rejects.toThrow(TypeError);
      await expect(store().readStream('agent')).rejects.toThrow(TypeError);
      await expect(store().readStream('agent-1', { limit: -1 })).rejects.toThrow(TypeError);
      await expect(store().readStream('agent-1', { until: 'soon' })).rejects.toThrow(TypeError);
      await expect(store().streamRevision('agent')).rejects.toThrow(TypeError);
      await expect(store().trim('Usage', '2026-01-01T00:00:00Z')).rejects.toThrow(TypeError);
      await expect(store().trim('usage', '2026-13-01T00:00:00Z')).rejects.toThrow(TypeError);
      await expect(store().trim('usage', '2026-01-01')).rejects.toThrow(TypeError);
      await expect(store().erase('acme')).rejects.toThrow(TypeError);
      expect(() => store().comparePositions('1', 'x')).toThrow(TypeError);
      expect(() => store().subscribe({ signal, after: '-1' })).toThrow(TypeError);
      expect(() => store().subscribe({ signal, bufferSize: 0 })).toThrow(TypeError);
      expect(() => store().subscribe({ signal, filter: { types: [] } })).toThrow(TypeError);
    });
  });

  describe('close', () => {
    it('finishes appends under way, ends subscriptions and refuses what comes later', async () => {
      const mine = await open().another();
      await mine.append('agent-1', 'no-stream', [event()]);
      const collector = await new Collector(mine).untilEvents(1);
      const underWay = Array.from({ length: 20 }, (_, n) =>
        mine.append(`agent-late${n}`, 'no-stream', [event()]),
      );
      await mine.close();
      for (const result of await Promise.all(underWay)) appended(result);
      await collector.stop();
      const closed = { code: 'store.unavailable' };
      await expect(mine.append('agent-1', 0n, [event()])).rejects.toMatchObject(closed);
      await expect(mine.readAll()).rejects.toMatchObject(closed);
      await expect(mine.readStream('agent-1')).rejects.toMatchObject(closed);
      await expect(mine.headPosition()).rejects.toMatchObject(closed);
      await mine.close();
    });
  });
}
