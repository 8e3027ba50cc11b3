import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import {
  createTestDatabase,
  type FaultProxy,
  startFaultProxy,
  type TestDatabase,
  waitFor,
} from '@keyfleet/testing';
import type { ChangeNotice } from '../projection.js';
import { announceChanges, announceReset } from '../projections/announce.js';
import { type Listening, listenChanges } from './listen.js';

let database: TestDatabase;
let writer: Sql;
let proxy: FaultProxy;
let listening: Listening;
let notices: ChangeNotice[];
let losses: number;

beforeEach(async () => {
  database = await createTestDatabase();
  writer = createSql({ url: database.urlFor('kf_worker'), applicationName: 'writer', max: 2 });
  proxy = await startFaultProxy({ port: Number(new URL(database.url).port) });
  notices = [];
  losses = 0;
  listening = await listenChanges({
    url: proxy.through(database.urlFor('kf_reader')),
    applicationName: 'feed',
    probeMs: 250,
    onNotice: (notice) => notices.push(notice),
    onLost: () => (losses += 1),
  });
});

afterEach(async () => {
  await listening.close();
  await Promise.all([closeSql(writer), proxy.close()]);
  await database.drop();
});

const tell = (ids: readonly string[], orgId: string | null = 'org_a') =>
  transaction(writer, (tx) => announceChanges(tx, 'test.notes', [{ orgId, ids }], '7'));

describe('the change feed', () => {
  it('tells each change once, in notices small enough for the server', async () => {
    const ids = Array.from(
      { length: 250 },
      (_, n) => `agt_01932b1e-7c3a-7abc-8def-${String(n).padStart(12, '0')}`,
    );
    await tell([...ids, ...ids]);
    await transaction(writer, (tx) => announceReset(tx, 'test.other', null));
    await waitFor(() => notices.some(({ readModel }) => readModel === 'test.other'));
    const notes = notices.filter(({ readModel }) => readModel === 'test.notes');
    expect(notes.flatMap((notice) => notice.ids)).toEqual(ids);
    expect(new Set(notes.map(({ orgId, position }) => `${orgId} ${position}`))).toEqual(new Set(['org_a 7']));
    expect(notices.at(-1)).toEqual({ readModel: 'test.other', orgId: null, ids: [], position: null });
  });

  it('repro-silent-timeline: tells once of an organisation any of whose rows may have changed, beside ids or not', async () => {
    await transaction(writer, (tx) =>
      announceChanges(
        tx,
        'test.notes',
        [
          { orgId: 'org_a', ids: [] },
          { orgId: 'org_b', ids: ['one'] },
          { orgId: 'org_b', ids: [] },
          { orgId: null, ids: [] },
          { orgId: 'org_a', ids: [] },
        ],
        '7',
      ),
    );
    await tell(['last'], 'org_c');
    await waitFor(() => notices.some(({ orgId }) => orgId === 'org_c'));
    const any = { readModel: 'test.notes', ids: [], position: '7' };
    expect(notices.slice(0, -1)).toEqual([
      { ...any, orgId: 'org_a' },
      { ...any, orgId: 'org_b' },
      { ...any, orgId: null },
    ]);
  });

  it('tells nothing of a transaction that was rolled back, and ignores what is no notice', async () => {
    const failed = transaction(writer, async (tx) => {
      await announceChanges(tx, 'test.notes', [{ orgId: 'org_a', ids: ['x'] }], '7');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await writer`select pg_notify('keyfleet_changed', 'not ours')`;
    await writer`select pg_notify('keyfleet_changed', '{"readModel":1}')`;
    await tell(['after']);
    await waitFor(() => notices.length > 0);
    expect(notices.map(({ ids }) => ids)).toEqual([['after']]);
  });

  it.each(['reset', 'silence'] as const)(
    'F18: says within 1.5 s that a connection was lost by %s, and again when it is back',
    async (fault) => {
      const since = performance.now();
      if (fault === 'reset') proxy.reset();
      else proxy.set({ mode: 'silence' });
      await waitFor(() => losses > 0);
      expect(performance.now() - since).toBeLessThan(1_500);
      await tell(['lost']);
      proxy.heal();
      await waitFor(() => losses === 2);
      await tell(['seen']);
      await waitFor(() => notices.some(({ ids }) => ids[0] === 'seen'));
    },
  );

  it('F18: comes back after an outage of any length', async () => {
    proxy.set({ mode: 'refuse' });
    proxy.reset();
    await waitFor(() => losses === 1);
    const refused = proxy.connections;
    await waitFor(async () => {
      const [row] =
        await writer`select count(*)::int as n from pg_stat_activity where application_name = 'feed'`;
      return row?.n === 0 && refused === 0;
    });
    proxy.heal();
    await waitFor(() => losses === 2);
    await tell(['seen']);
    await waitFor(() => notices.length > 0);
  });
});
