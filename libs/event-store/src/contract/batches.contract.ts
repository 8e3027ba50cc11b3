import type { AppendResult, StreamAppend } from '../port.js';
import { type EventStoreFixture, event, events, everything, idsOf } from './fixture.contract.js';

/** Many appends at once, in one call or in many. */
export function batchContract(open: () => EventStoreFixture): void {
  const store = () => open().store;

  describe('appendBatch', () => {
    it('answers in the order of the appends and has nothing to do for none', async () => {
      const batch: StreamAppend[] = [3, 1, 2].map((count) => ({
        stream: `agent-${count}`,
        expectedRevision: 'no-stream',
        events: events(count),
      }));
      const results = await store().appendBatch(batch);
      const positions = new Map((await everything(store())).map(({ id, position }) => [id, position]));
      expect(results).toEqual(
        batch.map((append) => ({
          outcome: 'appended',
          revision: BigInt(append.events.length - 1),
          position: positions.get(append.events.at(-1)?.id ?? ''),
          idempotent: false,
        })),
      );
      expect(await store().appendBatch([])).toEqual([]);
    });

    it('lets losers, repeats and winners each have their own answer, whole or absent', async () => {
      const repeated = events(2);
      const first = await store().append('agent-repeat', 'no-stream', repeated);
      await store().append('agent-busy', 'no-stream', events(4));
      const [won, more] = [events(3), events(1)];
      const results = await store().appendBatch([
        { stream: 'agent-won', expectedRevision: 'no-stream', events: won },
        { stream: 'agent-busy', expectedRevision: 1n, events: events(2) },
        { stream: 'agent-repeat', expectedRevision: 'no-stream', events: repeated },
        { stream: 'agent-absent', expectedRevision: 4n, events: events(2) },
        { stream: 'agent-more', expectedRevision: 'no-stream', events: more },
      ]);
      const all = await everything(store());
      expect(results).toEqual([
        { outcome: 'appended', revision: 2n, position: all[8]?.position, idempotent: false },
        { outcome: 'conflict', stream: 'agent-busy', expected: 1n, actual: 3n },
        { ...first, idempotent: true },
        { outcome: 'conflict', stream: 'agent-absent', expected: 4n, actual: null },
        { outcome: 'appended', revision: 0n, position: all[9]?.position, idempotent: false },
      ]);
      expect(idsOf(all).slice(6)).toEqual(idsOf([...won, ...more]));
      expect(await store().streamRevision('agent-absent')).toBeNull();
    });
  });

  describe('an append that is provided with another stream', () => {
    const one = async (append: StreamAppend): Promise<AppendResult | undefined> =>
      (await store().appendBatch([append]))[0];

    it('is written only while that stream stands there, and says which one does not', async () => {
      await store().append('agent-1', 'no-stream', events(2));
      const append = { stream: 'journal-1', expectedRevision: 'no-stream', events: events(2) } as const;
      const absent = { stream: 'agent-2', revision: 0n };
      expect(await one({ ...append, provided: { stream: 'agent-1', revision: 0n } })).toEqual({
        ...{ outcome: 'conflict', stream: 'agent-1', expected: 0n, actual: 1n },
      });
      expect(await one({ ...append, provided: absent })).toEqual({
        ...{ outcome: 'conflict', stream: 'agent-2', expected: 0n, actual: null },
      });
      expect(await store().streamRevision('journal-1')).toBeNull();
      const met = { ...append, provided: { stream: 'agent-1', revision: 1n } };
      expect(await one(met)).toMatchObject({ outcome: 'appended', revision: 1n, idempotent: false });
      const more = { ...append, expectedRevision: 1n, events: events(1) };
      expect(await one({ ...more, provided: { stream: 'agent-2', revision: 'no-stream' } })).toMatchObject({
        outcome: 'appended',
        revision: 2n,
      });
    });

    it('is the same append again where it was written, wherever the other stream stands by then', async () => {
      await store().append('agent-1', 'no-stream', events(1));
      const provided = { stream: 'agent-1', revision: 0n };
      const append = {
        stream: 'journal-1',
        expectedRevision: 'no-stream',
        events: events(2),
        provided,
      } as const;
      const first = await one(append);
      await store().append('agent-1', 0n, events(1));
      expect(await one(append)).toEqual({ ...first, idempotent: true });
      expect(await one({ ...append, expectedRevision: 0n, events: events(1) })).toMatchObject({
        ...{ outcome: 'conflict', stream: 'journal-1', actual: 1n },
      });
    });

    it('does not keep the others of its batch from being written', async () => {
      await store().append('agent-1', 'no-stream', events(1));
      const [before, after] = [events(2), events(1)];
      const results = await store().appendBatch([
        { stream: 'journal-1', expectedRevision: 'no-stream', events: before },
        {
          ...{ stream: 'journal-2', expectedRevision: 'no-stream', events: events(3) },
          provided: { stream: 'agent-1', revision: 5n },
        },
        {
          ...{ stream: 'journal-3', expectedRevision: 'no-stream', events: after },
          provided: { stream: 'agent-1', revision: 0n },
        },
      ]);
      expect(results.map(({ outcome }) => outcome)).toEqual(['appended', 'conflict', 'appended']);
      expect(idsOf((await everything(store())).slice(1))).toEqual(idsOf([...before, ...after]));
      const newest = (await everything(store())).at(-1)?.position;
      expect(results[2]).toMatchObject({ revision: 0n, position: newest });
    });
  });

  describe('concurrent appends', () => {
    it('have exactly one winner where 16 expect the same', async () => {
      await store().append('agent-1', 'no-stream', [event()]);
      const other = await open().another();
      const results = await Promise.all(
        Array.from({ length: 16 }, (_, n) => (n % 2 ? other : store()).append('agent-1', 0n, [event()])),
      );
      expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
      const losers = results.filter(({ outcome }) => outcome === 'conflict');
      expect(losers).toEqual(
        Array(15).fill({ outcome: 'conflict', stream: 'agent-1', expected: 0n, actual: 1n }),
      );
      expect(await store().readStream('agent-1')).toHaveLength(2);
    });

    it('of the same events have one that wrote, and the others its result', async () => {
      const written = events(2);
      const other = await open().another();
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          (n % 2 ? other : store()).append('agent-1', 'no-stream', written),
        ),
      );
      const first = results.find((result) => result.outcome === 'appended' && !result.idempotent);
      expect(results.filter((result) => result !== first)).toEqual(
        Array(7).fill({ ...first, idempotent: true } as AppendResult),
      );
      expect(await everything(store())).toHaveLength(2);
    });

    it('in one stream, each sent again after its conflict, leave no hole and no double', async () => {
      const other = await open().another();
      const sent = Array.from({ length: 12 }, () => event());
      await Promise.all(
        sent.map(async (one, n) => {
          const mine = n % 2 ? other : store();
          for (let outcome = ''; outcome !== 'appended'; ) {
            const revision = await mine.streamRevision('agent-1');
            ({ outcome } = await mine.append('agent-1', revision ?? 'no-stream', [one]));
          }
        }),
      );
      const read = await store().readStream('agent-1');
      expect(read.map(({ revision }) => revision)).toEqual(sent.map((_, n) => BigInt(n)));
      expect(idsOf(read).sort()).toEqual(idsOf(sent).sort());
    });
  });
}
