import { MAX_APPEND_EVENTS, type NewEvent } from '../port.js';
import {
  appended,
  type EventStoreFixture,
  event,
  events,
  everything,
  idsOf,
  ORG_B,
} from './fixture.contract.js';

const RFC3339_MICROS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** What an append answers and what is in the store afterwards. */
export function appendContract(open: () => EventStoreFixture): void {
  const store = () => open().store;

  describe('append', () => {
    it('answers with revision and position of its last event, first write or not', async () => {
      const first = await store().append('agent-1', 'no-stream', events(2));
      const second = await store().append('agent-1', 1n, [event()]);
      const all = await everything(store());
      expect(first).toEqual({
        outcome: 'appended',
        revision: 1n,
        position: all[1]?.position,
        idempotent: false,
      });
      expect(second).toEqual({
        outcome: 'appended',
        revision: 2n,
        position: all[2]?.position,
        idempotent: false,
      });
      expect(store().comparePositions(appended(first).position, appended(second).position)).toBe(-1);
    });

    it('gives every field back as it was written, with revision, position and time of recording', async () => {
      const full = event('SecretRotated', {
        v: 3,
        metadata: {
          orgId: ORG_B,
          actor: 'usr_01932b1e-7c3a-7abc-8def-0123456789ab',
          at: '2026-03-01T10:00:00.5Z',
          correlationId: 'cmd_01932b1e-7c3a-7abc-8def-0123456789ab',
          causationId: 'evt_01932b1e-7c3a-7abc-8def-0123456789ab',
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          bodyHash: 'ab'.repeat(32),
          journal: { prev: 'cd'.repeat(32), hash: 'ef'.repeat(32) },
        },
      });
      const bare = event('DetectionPaused', {
        data: null,
        metadata: { orgId: null, actor: 'svc_x', at: '2026-03-01T10:00:00Z' },
      });
      const result = appended(await store().append('agent-1', 'no-stream', [bare, full]));
      const read = await store().readStream('agent-1');
      expect(read).toEqual([
        {
          ...bare,
          stream: 'agent-1',
          revision: 0n,
          position: expect.any(String),
          recordedAt: expect.stringMatching(RFC3339_MICROS),
        },
        {
          ...full,
          stream: 'agent-1',
          revision: 1n,
          position: result.position,
          recordedAt: expect.stringMatching(RFC3339_MICROS),
        },
      ]);
      expect(Object.keys(read[0]?.metadata ?? {}).sort()).toEqual(['actor', 'at', 'orgId']);
      expect((await store().readAll()).events).toEqual(read);
    });

    it.each<[string, unknown]>([
      ['nothing', {}],
      ['text in every alphabet', { a: 'ü漢字🙂', b: 'line\nbreak\t"quoted" \\ back' }],
      ['control characters', { a: '\u0000\u0001\u001e\u001f\u007f', '\u001e': 1 }],
      ['half a surrogate pair', { a: '\ud800x', b: 'y\udfff' }],
      ['numbers at their edges', { a: 0.1, b: Number.MAX_SAFE_INTEGER, c: -1e-300, d: 1e300 }],
      ['arrays, nulls and depth', { a: [null, [], [[{}]], { b: { c: [false] } }] }],
      ['a list alone', [1, 'two', null]],
      ['SQL and its separators', { a: "'; drop table x; --", b: '{1,2}', c: '\\x00' }],
    ])('keeps data that is %s', async (_name, data) => {
      await store().append('agent-1', 'no-stream', [event('Noted', { data }), event()]);
      expect((await store().readStream('agent-1'))[0]?.data).toEqual(data);
    });

    it('shares no object with its callers', async () => {
      const data = { labels: ['a'] };
      await store().append('agent-1', 'no-stream', [event('Noted', { data })]);
      data.labels.push('b');
      const read = (await store().readStream('agent-1'))[0]?.data as typeof data;
      expect(read).toEqual({ labels: ['a'] });
      read.labels.push('c');
      expect((await store().readStream('agent-1'))[0]?.data).toEqual({ labels: ['a'] });
    });

    it('writes nothing where the stream is not as expected, and says how it is', async () => {
      await store().append('agent-1', 'no-stream', events(3));
      const stale = { outcome: 'conflict', stream: 'agent-1', actual: 2n };
      expect(await store().append('agent-1', 'no-stream', [event()])).toEqual({
        ...stale,
        expected: 'no-stream',
      });
      expect(await store().append('agent-1', 1n, [event()])).toEqual({ ...stale, expected: 1n });
      expect(await store().append('agent-1', 7n, [event()])).toEqual({ ...stale, expected: 7n });
      expect(await store().append('agent-2', 0n, [event()])).toEqual({
        outcome: 'conflict',
        stream: 'agent-2',
        expected: 0n,
        actual: null,
      });
      expect(await everything(store())).toHaveLength(3);
      expect(await store().streamRevision('agent-2')).toBeNull();
      expect(await store().append('agent-2', 'no-stream', [event()])).toMatchObject({ revision: 0n });
    });

    it('takes the largest append whole', async () => {
      const many = events(MAX_APPEND_EVENTS);
      expect(await store().append('agent-1', 'no-stream', many)).toMatchObject({
        revision: BigInt(MAX_APPEND_EVENTS - 1),
      });
      expect(idsOf(await store().readStream('agent-1'))).toEqual(idsOf(many));
    });

    it('refuses an append with too many bytes by code, and takes the next', async () => {
      const large = event('Noted', { data: 'ä'.repeat(600_000) });
      await expect(store().append('agent-1', 'no-stream', [large])).rejects.toMatchObject({
        code: 'request.too-large',
      });
      expect(await store().append('agent-1', 'no-stream', [event()])).toMatchObject({ revision: 0n });
    });
  });

  describe('the same append again', () => {
    it('gives the first result and writes nothing, whatever came after it', async () => {
      const written = events(3);
      const first = await store().append('agent-1', 'no-stream', written);
      const again = { ...first, idempotent: true };
      expect(await store().append('agent-1', 'no-stream', written)).toEqual(again);
      const next = [event()];
      const second = await store().append('agent-1', 2n, next);
      expect(await store().append('agent-1', 'no-stream', written)).toEqual(again);
      expect(await store().append('agent-1', 2n, next)).toEqual({ ...second, idempotent: true });
      expect(idsOf(await everything(store()))).toEqual(idsOf([...written, ...next]));
    });

    it('gives the result of a first part, where only that part is sent again', async () => {
      const written = events(3);
      await store().append('agent-1', 'no-stream', written);
      const all = await everything(store());
      expect(await store().append('agent-1', 'no-stream', written.slice(0, 2))).toEqual({
        outcome: 'appended',
        revision: 1n,
        position: all[1]?.position,
        idempotent: true,
      });
      expect(await store().append('agent-1', 0n, written.slice(1))).toEqual({
        outcome: 'appended',
        revision: 2n,
        position: all[2]?.position,
        idempotent: true,
      });
    });

    const overlaps: [string, (written: NewEvent[]) => NewEvent[]][] = [
      ['more than was stored', (written) => [...written, event()]],
      ['another order', (written) => written.toReversed()],
      ['one other event among them', (written) => [written[0] as NewEvent, event()]],
      ['an event stored elsewhere in the stream', (written) => written.slice(1)],
    ];
    it.each(overlaps)('is a conflict with %s, and nothing is written', async (_name, change) => {
      const written = events(2);
      await store().append('agent-1', 'no-stream', written);
      expect(await store().append('agent-1', 'no-stream', change(written))).toEqual({
        outcome: 'conflict',
        stream: 'agent-1',
        expected: 'no-stream',
        actual: 1n,
      });
      expect(await everything(store())).toHaveLength(2);
    });

    it('is a conflict at another expectation', async () => {
      const written = [event()];
      await store().append('agent-1', 'no-stream', written);
      await store().append('agent-1', 0n, [event()]);
      expect(await store().append('agent-1', 5n, written)).toMatchObject({ outcome: 'conflict', actual: 1n });
    });
  });
}
