import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { waitFor } from '@keyfleet/testing';
import type { Projection } from '../projection.js';
import { type NotesWorld, notesProjection, notesWorld, ORG_A } from '../testing/notes.js';
import { type HostOptions, hostProjections, type ProjectionHost } from './host.js';
import { acquireLease, releaseLease, renewLease } from './lease.js';
import { Permits } from './permits.js';
import type { RunStep } from './run.js';
import { waitForPosition } from './wait.js';

let world: NotesWorld;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  world = await notesWorld([1, 2]);
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await world.close();
});

function host(projections: readonly Projection[], options: Partial<HostOptions> = {}) {
  const steps: RunStep[] = [];
  const hosted: ProjectionHost = hostProjections({
    sql: world.worker,
    store: world.store,
    projections,
    retryMs: 20,
    switchEveryMs: 20,
    onStep: (_name, step) => steps.push(step),
    ...options,
  });
  cleanups.push(() => hosted.close());
  return Object.assign(hosted, { steps });
}

describe('a host of projections', () => {
  it('is caught up once readers see what there was when it started, and stays so', async () => {
    await world.writeMany(2_000, 5, ORG_A);
    const hosted = host([notesProjection()]);
    expect(await hosted.caughtUp()).toBe(false);
    await waitFor(() => hosted.caughtUp());
    const rows = await world.rows();
    expect(rows.reduce((sum, { changes }) => sum + changes, 0)).toBe(2_000);
    await world.write('note-1', ORG_A, 'later');
    expect(await hosted.caughtUp()).toBe(true);
  });

  it('is caught up where there is nothing to catch up with', async () => {
    const hosted = host([notesProjection()]);
    await waitFor(() => hosted.caughtUp());
  });

  it('says what fails, by code, starts it again and says when it goes on', async () => {
    const owner = createSql({ url: world.database.url, applicationName: 'test', max: 1 });
    cleanups.push(() => closeSql(owner));
    await owner`revoke insert on test.notes_v1 from kf_worker`;
    const hosted = host([notesProjection()]);
    expect(hosted.trouble()).toBeUndefined();
    await world.write('note-1', ORG_A, 'x');
    await waitFor(() => hosted.trouble() !== undefined);
    expect(hosted.trouble()).toBe('failing: test.notes (42501)');
    await owner`grant insert on test.notes_v1 to kf_worker`;
    await waitFor(() => hosted.trouble() === undefined);
    await waitFor(async () => (await world.rows()).length === 1);
  });

  it('names a projection whose tables were never made', async () => {
    const hosted = host([{ ...notesProjection(), name: 'test.missing' }]);
    await waitFor(() => hosted.trouble() !== undefined);
    expect(hosted.trouble()).toBe('failing: test.missing (Error)');
  });

  it('has one worker per projection among all its replicas, and a follower when one leaves', async () => {
    const one = host([notesProjection()]);
    await waitFor(() => one.steps.some(({ kind }) => kind === 'acquired'));
    const two = host([notesProjection()]);
    await waitFor(() => two.steps.some(({ kind }) => kind === 'waiting'));
    await world.write('note-1', ORG_A, 'x');
    await waitFor(async () => (await world.rows()).length === 1);
    expect(two.steps.map(({ kind }) => kind)).toEqual(['waiting']);
    await one.close();
    await waitFor(() => two.steps.some(({ kind }) => kind === 'acquired'));
  });

  it('repro-failing-while-waiting: a replica that only waits is well again after the database was away', async () => {
    const owner = createSql({ url: world.database.url, applicationName: 'test', max: 1 });
    cleanups.push(() => closeSql(owner));
    const one = host([notesProjection()]);
    await waitFor(() => one.steps.some(({ kind }) => kind === 'acquired'));
    const two = host([notesProjection()]);
    await waitFor(() => two.steps.some(({ kind }) => kind === 'waiting'));
    await owner`revoke update on projections.leases from kf_worker`;
    await waitFor(() => two.trouble() !== undefined);
    await owner`grant update on projections.leases to kf_worker`;
    await world.write('note-1', ORG_A, 'x');
    await waitFor(() => one.trouble() === undefined && two.trouble() === undefined);
  });

  it('F16: builds so many versions at once and no more', async () => {
    const permits = new Permits(1);
    const never = new AbortController().signal;
    const first = await permits.take(never);
    let second = false;
    const waiting = permits.take(never).then((release) => {
      second = true;
      return release;
    });
    expect(await permits.take(AbortSignal.timeout(100))).toBeUndefined();
    expect(second).toBe(false);
    first?.();
    first?.();
    (await waiting)?.();
    expect(second).toBe(true);
    const third = await permits.take(never);
    expect(await permits.take(AbortSignal.abort())).toBeUndefined();
    third?.();
  });
});

describe('a lease', () => {
  let options: Parameters<typeof acquireLease>[0];

  beforeEach(() => {
    options = { sql: world.worker, projection: 'test.notes', version: 1, holder: 'one', ttlMs: 60_000 };
  });

  it('goes to who comes first; the second is refused; given back it passes on, with a higher epoch', async () => {
    const first = await acquireLease(options);
    expect(first).toEqual({ holder: 'one', epoch: 1n });
    expect(await acquireLease({ ...options, holder: 'two' })).toBeNull();
    if (first) await releaseLease(options, first);
    expect(await acquireLease({ ...options, holder: 'two' })).toEqual({ holder: 'two', epoch: 2n });
  });

  it('is harmless to take again, to renew late and to give back when it is gone', async () => {
    const first = await acquireLease(options);
    const again = await acquireLease(options);
    if (!first || !again) throw new Error('refused');
    expect(await renewLease(options, first)).toBe(false);
    expect(await renewLease(options, again)).toBe(true);
    await releaseLease(options, first);
    expect(await acquireLease({ ...options, holder: 'two' })).toBeNull();
  });

  it('is taken by one of many that ask at the same moment', async () => {
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, n) => acquireLease({ ...options, holder: String(n) })),
    );
    expect(asked.filter((lease) => lease !== null)).toHaveLength(1);
  });
});

describe('waiting for a position', () => {
  const wait = (position: string, projections = ['test.notes'], sql: Sql = world.reader) =>
    waitForPosition(sql, { projections, position, ceilingMs: 100 });

  it('ends at once where there is nothing to wait for, and as stale where it does not come', async () => {
    expect(await wait('5', [])).toBe(true);
    expect(await wait('0')).toBe(true);
    expect(await wait('5')).toBe(false);
    expect(await wait('0', ['test.unknown'])).toBe(false);
  });

  it('compares positions as numbers of any size', async () => {
    await world.worker`update projections.checkpoints set position = '9999999999999999' where version = 1`;
    expect(await wait('9999999999999998', ['test.notes', 'test.notes'])).toBe(true);
    expect(await wait('10000000000000000')).toBe(false);
  });

  it('refuses what is no position of a store', async () => {
    for (const position of ['', 'x', '-1', '007', '1e3'])
      await expect(wait(position)).rejects.toMatchObject({ code: 'request.invalid' });
  });
});
