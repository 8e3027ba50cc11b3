import { setImmediate } from 'node:timers/promises';
import type { EventStore, Position } from '@keyfleet/event-store';
import { closeSql, createSql } from '@keyfleet/postgres';
import { waitFor } from '@keyfleet/testing';
import {
  type NotesProjection,
  type NotesWorld,
  notesProjection,
  notesWorld,
  ORG_A,
  ORG_B,
} from '../testing/notes.js';
import { parkedStreams } from './park.js';
import { replayParked } from './replay.js';
import { type RunOptions, type RunStep, runProjection } from './run.js';
import { waitForPosition } from './wait.js';

let world: NotesWorld;
let projection: NotesProjection;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  world = await notesWorld([1, 2]);
  projection = notesProjection();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await world.close();
});

function run(which = projection, options: Partial<RunOptions> = {}) {
  const controller = new AbortController();
  const steps: RunStep[] = [];
  const done = runProjection({
    sql: world.worker,
    store: world.store,
    projection: which,
    retryMs: 20,
    switchEveryMs: 60_000,
    pauseMs: () => 1,
    ...options,
    signal: controller.signal,
    onStep: (step) => steps.push(step),
  });
  const stop = (): Promise<void> => {
    controller.abort();
    return done;
  };
  cleanups.push(stop);
  return { steps, stop };
}

const reached = (position: string) =>
  waitForPosition(world.worker, { projections: ['test.notes'], position, ceilingMs: 15_000 });
const replay = (stream: string, which = projection) =>
  replayParked({ sql: world.worker, store: world.store, projection: which, stream });

describe('a poison event', () => {
  it('F13: one among 10,000 parks its stream, delays no other, and after the fix a replay gives the rows of an unbroken run', async () => {
    await world.writeMany(5_000, 20, ORG_A);
    await world.write('note-bad', ORG_A, 'fine');
    await world.write('note-bad', ORG_A, 'poison');
    await world.write('note-bad', ORG_A, 'after');
    const last = await world.writeMany(5_000, 20, ORG_B);
    projection.poison = 'poison';
    const { steps, stop } = run();
    expect(await reached(last)).toBe(true);

    expect(await parkedStreams(world.worker)).toEqual([
      expect.objectContaining({
        projection: 'test.notes',
        stream: 'note-bad',
        fromRevision: 1n,
        eventType: 'Noted',
        code: 'TypeError',
        tries: 5,
      }),
    ]);
    expect(steps.filter(({ kind }) => kind === 'parked')).toHaveLength(1);
    expect(JSON.stringify(steps.filter(({ kind }) => kind !== 'applied'))).not.toContain('cannot take');
    // Found by halves: a batch of 1,000 is not done one by one.
    expect(steps.filter(({ kind }) => kind === 'applied').length).toBeLessThan(60);

    await world.write('note-bad', ORG_A, 'waits, too');
    expect(await reached(await world.write('note-good', ORG_A, 'passes'))).toBe(true);
    expect(await replay('note-bad')).toEqual({ outcome: 'still-parked', code: 'TypeError' });
    expect(await parkedStreams(world.worker)).toMatchObject([{ tries: 6 }]);

    projection.poison = null;
    expect(await replay('note-bad')).toEqual({ outcome: 'replayed', events: 3 });
    expect(await replay('note-bad')).toEqual({ outcome: 'not-parked' });
    expect(await reached(await world.write('note-bad', ORG_A, 'goes on'))).toBe(true);
    await stop();

    const unbroken = run(notesProjection(2));
    await waitFor(() => unbroken.steps.some((step) => step.kind === 'applied' && step.events > 0));
    await waitFor(async () => {
      const rows = await world.worker`
        select count(distinct position)::int as n from projections.checkpoints where position is not null`;
      return rows[0]?.n === 1;
    });
    expect(await world.everything(1)).toEqual(await world.everything(2));
  });

  it('F13: several in one batch park their streams each, in whatever order they come', async () => {
    projection.poison = 'poison';
    for (const stream of ['note-a', 'note-b', 'note-c', 'note-b', 'note-d'])
      await world.write(stream, ORG_A, ['note-a', 'note-c', 'note-d'].includes(stream) ? 'poison' : 'fine');
    const last = await world.write('note-b', ORG_A, 'end');
    run();
    expect(await reached(last)).toBe(true);
    expect((await parkedStreams(world.worker)).map(({ stream }) => stream).sort()).toEqual([
      'note-a',
      'note-c',
      'note-d',
    ]);
    expect(await world.rows()).toEqual([{ id: 'note-b', text: 'end', changes: 3 }]);
  });

  it('F13: a stream replayed while events keep coming loses none and repeats none', async () => {
    projection.poison = 'poison';
    run();
    await world.write('note-bad', ORG_A, 'poison');
    await waitFor(async () => (await parkedStreams(world.worker)).length === 1);
    projection.poison = null;
    let written = 1;
    let replayed = false;
    const write = async (): Promise<void> => {
      for (; !replayed || written % 20 !== 0; written += 1) {
        await world.write('note-bad', ORG_A, String(written));
        await setImmediate();
      }
    };
    const writing = write();
    await waitFor(() => written > 20);
    expect(await replay('note-bad')).toMatchObject({ outcome: 'replayed' });
    replayed = true;
    await writing;
    expect(await reached(await world.write('note-bad', ORG_A, 'end'))).toBe(true);
    expect(await world.rows()).toEqual([{ id: 'note-bad', text: 'end', changes: written + 1 }]);
  });

  it('F13: is told from a database that is not as it should be, which parks nothing and stops the projection', async () => {
    const owner = createSql({ url: world.database.url, applicationName: 'test', max: 1 });
    cleanups.push(() => closeSql(owner));
    await owner`alter table test.totals_v1 rename column changes to renamed`;
    const { steps } = run();
    const position = await world.write('note-1', ORG_A, 'x');
    await waitFor(() => steps.filter(({ kind }) => kind === 'failed').length > 1);
    expect(await parkedStreams(world.worker)).toEqual([]);
    await owner`alter table test.totals_v1 rename column renamed to changes`;
    expect(await reached(position)).toBe(true);
    expect(await world.rows()).toEqual([{ id: 'note-1', text: 'x', changes: 1 }]);
  });

  it('F13: whose tries a shutdown cuts short is not passed over with the rest of its batch', async () => {
    await world.write('note-bad', ORG_A, 'poison');
    const last = await world.write('note-good', ORG_A, 'passes');
    projection.poison = 'poison';
    const tried = Promise.withResolvers<void>();
    const first = run(projection, {
      pauseMs: () => {
        tried.resolve();
        return 60_000;
      },
    });
    await tried.promise;
    await first.stop();
    expect(first.steps.filter(({ kind }) => kind === 'applied' || kind === 'parked')).toEqual([]);

    run();
    expect(await reached(last)).toBe(true);
    expect(await parkedStreams(world.worker)).toMatchObject([{ stream: 'note-bad', fromRevision: 0n }]);
    expect(await world.rows()).toEqual([{ id: 'note-good', text: 'passes', changes: 1 }]);
  });

  it('F13: whose tries another failure cuts short is not passed over with the rest of its batch', async () => {
    const first = run();
    expect(await reached(await world.write('note-1', ORG_A, 'fine'))).toBe(true);
    await first.stop();
    await world.write('note-bad', ORG_A, 'poison');
    const last = await world.write('note-good', ORG_A, 'passes');
    projection.poison = 'poison';
    let trying = false;
    const failsOnce: EventStore = Object.create(world.store, {
      subscribe: { value: world.store.subscribe.bind(world.store) },
      comparePositions: {
        value: (a: Position, b: Position) => {
          if (trying && !steps.some(({ kind }) => kind === 'failed'))
            throw new RangeError('no such position');
          return world.store.comparePositions(a, b);
        },
      },
    });
    const { steps } = run(projection, {
      store: failsOnce,
      switchEveryMs: 5,
      pauseMs: () => {
        const pauses = trying ? 1 : 60_000;
        trying = true;
        return pauses;
      },
    });
    expect(await reached(last)).toBe(true);
    expect(steps.filter(({ kind }) => kind === 'failed')).toMatchObject([{ error: { name: 'RangeError' } }]);
    expect(await parkedStreams(world.worker)).toMatchObject([{ stream: 'note-bad', fromRevision: 0n }]);
    expect((await world.rows()).map(({ id }) => id)).toEqual(['note-1', 'note-good']);
  });

  it('F13: values the database refuses are poison, and are kept as an SQLSTATE without what they were', async () => {
    await world.write('note-zero', ORG_A, 'nul \0 byte');
    run();
    expect(await reached(await world.write('note-1', ORG_A, 'x'))).toBe(true);
    expect(await parkedStreams(world.worker)).toMatchObject([{ stream: 'note-zero', code: '22P05' }]);
  });
});
