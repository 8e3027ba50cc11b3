import { waitFor } from '@keyfleet/testing';
import { listenChanges } from '../feed/listen.js';
import type { ChangeNotice } from '../projection.js';
import { type NotesWorld, notesProjection, notesWorld, ORG_A, ORG_B } from '../testing/notes.js';
import { commitStep, FencedError } from './commit.js';
import { acquireLease, releaseLease, renewLease } from './lease.js';
import { parkedStreams } from './park.js';
import { replayParked } from './replay.js';
import { type RunStep, runProjection } from './run.js';
import { waitForPosition } from './wait.js';

let world: NotesWorld;
const running: (() => Promise<void>)[] = [];

beforeEach(async () => {
  world = await notesWorld([1, 2]);
}, 60_000);

afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
  await world.close();
});

function run(projection = notesProjection(), holder = 'one', leaseTtlMs = 10_000) {
  const controller = new AbortController();
  const steps: RunStep[] = [];
  const done = runProjection({
    sql: world.worker,
    store: world.store,
    projection,
    holder,
    leaseTtlMs,
    renewEveryMs: 100,
    retryMs: 20,
    switchEveryMs: 20,
    pauseMs: () => 1,
    signal: controller.signal,
    onStep: (step) => steps.push(step),
  });
  const stop = async () => {
    controller.abort();
    await done;
  };
  running.push(stop);
  return { steps, stop };
}

const compare = (a: string, b: string) => world.store.comparePositions(a, b);
const reached = (position: string) =>
  waitForPosition(world.worker, { projections: ['test.notes'], position, ceilingMs: 10_000, compare });

describe('a projection', () => {
  it('carries events into rows, waits for nothing but what a reader asks for, and goes on after a stop', async () => {
    const first = run();
    expect(await reached(await world.write('note-1', ORG_A, 'a'))).toBe(true);
    await first.stop();
    const later = await world.write('note-1', ORG_A, 'b');
    expect(
      await waitForPosition(world.worker, {
        projections: ['test.notes'],
        position: later,
        ceilingMs: 30,
        compare,
      }),
    ).toBe(false);
    run(notesProjection(), 'two');
    expect(await reached(later)).toBe(true);
    expect(await world.rows()).toEqual([{ id: 'note-1', text: 'b', changes: 2 }]);
  });

  it('moves its checkpoint past what it does not follow', async () => {
    run();
    const position = await world.write('other-1', ORG_A, 'not mine');
    expect(await reached(position)).toBe(true);
    expect(await world.rows()).toEqual([]);
  });

  it('F13: parks the stream of a poison event after five tries, lets the others pass, and replays to the same rows', async () => {
    const projection = notesProjection();
    projection.poison = 'poison';
    const { steps } = run(projection);
    await world.write('note-good', ORG_A, '1');
    await world.write('note-bad', ORG_A, 'fine');
    await world.write('note-bad', ORG_A, 'poison');
    await world.write('note-bad', ORG_A, 'after');
    expect(await reached(await world.write('note-good', ORG_A, '2'))).toBe(true);
    expect(await world.rows()).toEqual([
      { id: 'note-bad', text: 'fine', changes: 1 },
      { id: 'note-good', text: '2', changes: 2 },
    ]);
    expect(steps.filter(({ kind }) => kind === 'retry')).toHaveLength(4);
    expect(await parkedStreams(world.worker)).toMatchObject([{ stream: 'note-bad', code: 'TypeError' }]);
    projection.poison = null;
    expect(
      await replayParked({ sql: world.worker, store: world.store, projection, stream: 'note-bad' }),
    ).toEqual({ outcome: 'replayed', events: 2 });
    expect(await reached(await world.write('note-bad', ORG_A, 'last'))).toBe(true);
    expect(await world.rows()).toEqual([
      { id: 'note-bad', text: 'last', changes: 4 },
      { id: 'note-good', text: '2', changes: 2 },
    ]);
  });

  it('F15: is run by one holder; one that was paused past its lease cannot commit any more', async () => {
    const projection = notesProjection();
    const options = { sql: world.worker, projection: 'test.notes', version: 1, holder: 'paused', ttlMs: 50 };
    const stale = await acquireLease(options);
    expect(await acquireLease({ ...options, holder: 'early' })).toBeNull();
    await waitFor(async () => (await acquireLease({ ...options, holder: 'next', ttlMs: 10_000 })) !== null);
    if (!stale) throw new Error('no lease');
    const position = await world.write('note-1', ORG_A, 'x');
    const { events } = await world.store.readAll();
    const step = { events, from: null, to: position };
    await expect(commitStep(world.worker, projection, stale, step)).rejects.toThrow(FencedError);
    expect(await renewLease(options, stale)).toBe(false);
    await releaseLease(options, stale);
    expect(await acquireLease({ ...options, holder: 'third' })).toBeNull();
    expect(await world.rows()).toEqual([]);
  });

  it('F15: two copies side by side apply each event once', async () => {
    const a = run(notesProjection(), 'a', 300);
    run(notesProjection(), 'b', 300);
    for (let index = 0; index < 50; index += 1) await world.write('note-1', ORG_A, String(index));
    await a.stop();
    expect(await reached(await world.write('note-1', ORG_A, 'end'))).toBe(true);
    expect(await world.rows()).toEqual([{ id: 'note-1', text: 'end', changes: 51 }]);
  });

  it('refuses a checkpoint that another commit has moved, rows and all', async () => {
    const projection = notesProjection();
    const lease = await acquireLease({
      sql: world.worker,
      projection: 'test.notes',
      version: 1,
      holder: 'me',
    });
    if (!lease) throw new Error('no lease');
    const position = await world.write('note-1', ORG_A, 'x');
    const { events } = await world.store.readAll();
    const step = { events, from: null, to: position };
    expect(await commitStep(world.worker, projection, lease, step)).toBe(1);
    await expect(commitStep(world.worker, projection, lease, step)).rejects.toThrow(FencedError);
    expect(await world.rows()).toEqual([{ id: 'note-1', text: 'x', changes: 1 }]);
  });

  it('F16: builds a new version beside the old one, silent, and switches readers in one step', async () => {
    for (let index = 0; index < 20; index += 1) await world.write(`note-${index % 4}`, ORG_A, String(index));
    const old = run();
    expect(await reached(await world.write('note-0', ORG_A, 'now'))).toBe(true);
    const before = await world.rows();
    const notices: ChangeNotice[] = [];
    const listening = await listenChanges({
      url: world.database.urlFor('kf_reader'),
      applicationName: 'test',
      onNotice: (notice) => notices.push(notice),
      onLost: () => undefined,
    });
    running.push(() => listening.close());
    const next = run(notesProjection(2), 'v2');
    await waitFor(() => next.steps.some(({ kind }) => kind === 'switched'));
    expect(await world.rows()).toEqual(before);
    await waitFor(() => notices.length === 1);
    expect(notices).toMatchObject([{ readModel: 'test.notes', orgId: null, ids: [] }]);
    await old.stop();
    expect(await reached(await world.write('note-0', ORG_A, 'later'))).toBe(true);
    expect((await world.rows())[0]).toMatchObject({ text: 'later' });
  });

  it('tells of changed rows with their organisation and position, once they can be read', async () => {
    const notices: ChangeNotice[] = [];
    const listening = await listenChanges({
      url: world.database.urlFor('kf_reader'),
      applicationName: 'test',
      onNotice: (notice) => notices.push(notice),
      onLost: () => undefined,
    });
    running.push(() => listening.close());
    run();
    await world.write('note-1', ORG_A, 'a');
    const last = await world.write('note-2', ORG_B, 'b');
    await waitFor(() => notices.some(({ orgId }) => orgId === ORG_B));
    expect(notices.find(({ orgId }) => orgId === ORG_A)?.ids).toEqual(['note-1']);
    expect(compare(notices.at(-1)?.position ?? '0', last)).toBe(0);
  });

  it('F18: says so when the listening connection was lost, and listens again', async () => {
    let lost = 0;
    const notices: ChangeNotice[] = [];
    const listening = await listenChanges({
      url: world.database.urlFor('kf_reader'),
      applicationName: 'cut-me',
      onNotice: (notice) => notices.push(notice),
      onLost: () => (lost += 1),
    });
    running.push(() => listening.close());
    run();
    const { createSql, closeSql } = await import('@keyfleet/postgres');
    const admin = createSql({ url: world.database.superuserUrl, applicationName: 'admin', max: 1 });
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cut-me'`;
    await closeSql(admin);
    await waitFor(() => lost === 1, { ceilingMs: 20_000 });
    await world.write('note-1', ORG_A, 'a');
    await waitFor(() => notices.length > 0);
  });
});
