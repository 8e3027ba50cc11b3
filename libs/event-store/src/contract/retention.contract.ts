import type { RecordedEvent } from '../port.js';
import { Collector } from './collect.contract.js';
import {
  appended,
  type EventStoreFixture,
  event,
  eventOf,
  events,
  everything,
  idsOf,
  ORG_A,
  ORG_B,
} from './fixture.contract.js';

/** Trimming and erasing: what goes, what stays, and that everybody goes on across the gap. */
export function retentionContract(open: () => EventStoreFixture): void {
  const store = () => open().store;

  /** `usage` events 0, 1, 3, 4 and one of `policy` in the middle, each at a time of its own. */
  async function aPast(): Promise<RecordedEvent[]> {
    const appends = [
      ['usage-1', 'no-stream'],
      ['usage-1', 0n],
      ['policy-1', 'no-stream'],
      ['usage-2', 'no-stream'],
      ['usage-1', 1n],
    ] as const;
    for (const [stream, expected] of appends) {
      open().tick();
      await store().append(stream, expected, [event()]);
    }
    return everything(store());
  }

  describe('trim', () => {
    it('removes a category before a moment, that moment excluded, and says how many', async () => {
      const past = await aPast();
      expect(await store().trim('usage', past[3]?.recordedAt ?? '')).toBe(2);
      expect(await everything(store())).toEqual(past.slice(2));
      expect(await store().trim('usage', past[3]?.recordedAt ?? '')).toBe(0);
      expect(await store().trim('nobody', '2999-01-01T00:00:00Z')).toBe(0);
      expect(await store().trim('usage', '2999-01-01T00:00:00Z')).toBe(2);
      expect(await everything(store())).toEqual([past[2]]);
    });

    it('leaves revisions as they were: a trimmed stream goes on and is never new again', async () => {
      const past = await aPast();
      await store().trim('usage', past[3]?.recordedAt ?? '');
      expect(await store().readStream('usage-1')).toEqual([past[4]]);
      await store().trim('usage', '2999-01-01T00:00:00Z');
      expect(await store().streamRevision('usage-1')).toBe(2n);
      expect(await store().readStream('usage-1')).toEqual([]);
      expect(await store().append('usage-1', 'no-stream', [event()])).toEqual({
        outcome: 'conflict',
        stream: 'usage-1',
        expected: 'no-stream',
        actual: 2n,
      });
      expect(await store().append('usage-1', 2n, [event()])).toMatchObject({ revision: 3n });
      expect(await (await open().another()).streamRevision('usage-1')).toBe(3n);
    });

    it('never gives a position out again, also where the newest events went', async () => {
      const past = await aPast();
      const head = await store().headPosition();
      await store().trim('usage', '2999-01-01T00:00:00Z');
      await store().trim('policy', '2999-01-01T00:00:00Z');
      expect(await store().headPosition()).toBe(head);
      expect(await store().readAll()).toEqual({ events: [], upTo: head });
      expect(await store().readAll({ filter: { categories: ['usage'] } })).toEqual({
        events: [],
        upTo: head,
      });
      const next = appended(await store().append('usage-3', 'no-stream', [event()]));
      expect(store().comparePositions(head, next.position)).toBe(-1);
      const [read] = await everything(store());
      expect((read?.recordedAt ?? '') >= (past.at(-1)?.recordedAt ?? '')).toBe(true);
    });

    it('is accepted by readers and subscribers that stand before, in and after the gap', async () => {
      const past = await aPast();
      await store().trim('usage', past[3]?.recordedAt ?? '');
      const added = appended(await store().append('usage-2', 0n, [event()]));
      const left = await everything(store());
      for (const after of [undefined, ...past.map(({ position }) => position)]) {
        const rest = left.filter(
          ({ position }) => after === undefined || store().comparePositions(position, after) > 0,
        );
        expect(await store().readAll({ after })).toEqual({ events: rest, upTo: added.position });
        const collector = await new Collector(store(), { after }).until(
          ({ upTo }) => upTo === added.position,
        );
        await collector.stop();
        expect(collector.events).toEqual(rest);
      }
    });

    it('leads a subscription on where all it wanted is gone', async () => {
      await aPast();
      await store().trim('usage', '2999-01-01T00:00:00Z');
      const head = await store().headPosition();
      const collector = new Collector(store(), { filter: { categories: ['usage'] } });
      await collector.until(({ upTo }) => upTo === head);
      const last = appended(await store().append('usage-1', 2n, [event('Late')]));
      await collector.until(({ upTo }) => upTo === last.position);
      await collector.stop();
      expect(collector.events.map(({ type }) => type)).toEqual(['Late']);
    });

    it('goes on with the same category where it stopped', async () => {
      for (let n = 0; n < 3; n++) {
        open().tick();
        await store().append(`usage-${n}`, 'no-stream', events(4));
        const [first] = await store().readStream(`usage-${n}`);
        expect(await store().trim('usage', first?.recordedAt ?? '')).toBe(n ? 4 : 0);
      }
      expect(await everything(store())).toHaveLength(4);
    });
  });

  describe('erase', () => {
    it('removes every event of one organisation, in whatever stream, and no other', async () => {
      const [ours, theirs, nobodys] = [ORG_A, ORG_B, null].map((org) => [eventOf(org), eventOf(org)]);
      await store().append('user-1', 'no-stream', [ours?.[0], theirs?.[0], nobodys?.[0]].map(given));
      await store().append('agent-1', 'no-stream', (ours ?? []).slice(1));
      await store().append('agent-2', 'no-stream', [theirs?.[1], nobodys?.[1]].map(given));
      expect(await store().erase(ORG_A)).toBe(2);
      const left = [theirs?.[0], nobodys?.[0], theirs?.[1], nobodys?.[1]].map(given);
      expect(idsOf(await everything(store()))).toEqual(idsOf(left));
      expect((await store().readStream('user-1')).map(({ revision }) => revision)).toEqual([1n, 2n]);
      expect(await store().streamRevision('agent-1')).toBe(0n);
      expect(await store().erase(ORG_A)).toBe(0);
      expect(await store().append('agent-1', 0n, [eventOf(ORG_A)])).toMatchObject({ revision: 1n });
      expect(await store().erase(ORG_A)).toBe(1);
    });

    it('of the newest events gives neither revision nor position out again', async () => {
      await store().append('agent-1', 'no-stream', [eventOf(ORG_B), eventOf(ORG_A)]);
      const head = await store().headPosition();
      expect(await store().erase(ORG_A)).toBe(1);
      expect(await store().headPosition()).toBe(head);
      expect(await store().streamRevision('agent-1')).toBe(1n);
      const next = appended(await store().append('agent-1', 1n, [eventOf(ORG_B)]));
      expect(store().comparePositions(head, next.position)).toBe(-1);
      expect((await store().readStream('agent-1')).map(({ revision }) => revision)).toEqual([0n, 2n]);
    });

    it('knows nothing of an organisation without events', async () => {
      expect(await store().erase(ORG_B)).toBe(0);
    });
  });
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The test has no such value.');
  return value;
}
