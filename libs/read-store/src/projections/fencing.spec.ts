import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { closeSql, createSql } from '@keyfleet/postgres';
import { startFaultProxy, waitFor } from '@keyfleet/testing';
import { type NotesWorld, notesProjection, notesWorld, ORG_A, ORG_B } from '../testing/notes.js';
import { type RunOptions, type RunStep, runProjection } from './run.js';
import { waitForPosition } from './wait.js';

let world: NotesWorld;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await world.close();
});

function run(options: Partial<RunOptions> = {}) {
  const controller = new AbortController();
  const steps: RunStep[] = [];
  const done = runProjection({
    sql: world.worker,
    store: world.store,
    projection: notesProjection(),
    leaseTtlMs: 600,
    renewEveryMs: 150,
    retryMs: 50,
    signal: controller.signal,
    onStep: (step) => steps.push(step),
    ...options,
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

/** What one unbroken run over the same events makes of them. */
async function unbroken(): Promise<unknown> {
  const { store } = world;
  const notes = new Map<string, { org_id: string | null; id: string; text: string; changes: number }>();
  const totals = new Map<string | null, bigint>();
  for (const { stream, data, metadata } of (await store.readAll({ limit: 1_000_000 })).events) {
    const { text } = data as { text: string };
    const key = `${metadata.orgId} ${stream}`;
    const before = notes.get(key)?.changes ?? 0;
    notes.set(key, { org_id: metadata.orgId, id: stream, text, changes: before + 1 });
    totals.set(metadata.orgId, (totals.get(metadata.orgId) ?? 0n) + 1n);
  }
  const by = (key: string) => (a: object, b: object) =>
    String(Reflect.get(a, key)).localeCompare(String(Reflect.get(b, key)), 'en');
  return {
    notes: [...notes.values()].sort(by('id')).sort(by('org_id')),
    totals: [...totals].map(([org_id, changes]) => ({ org_id, changes })).sort(by('org_id')),
  };
}

describe('a projection under faults', () => {
  it.each(['inside', 'between'] as const)(
    'F15: a projector that was stopped %s transactions and wakes up after another has taken over changes nothing',
    async (linger) => {
      world = await notesWorld([1], { sharedStore: true });
      const child = startChild(linger);
      await child.said('acquired');
      await world.writeMany(2_000, 5, ORG_A);
      await child.said('applied');
      for (let round = 0; round < 3; round += 1) {
        child.process.kill('SIGSTOP');
        const other = run();
        await waitFor(() => other.steps.some(({ kind }) => kind === 'acquired'));
        const position = await world.writeMany(500, 5, round % 2 ? ORG_A : ORG_B);
        expect(await reached(position)).toBe(true);
        child.process.kill('SIGCONT');
        await waitFor(() => child.count('lost') + child.count('failed') > round);
        expect(await world.everything()).toEqual(await unbroken());
        // The child gets the lease back, with work to do.
        const more = world.writeMany(1_000, 5, ORG_A);
        await other.stop();
        await more;
        await waitFor(() => child.count('acquired') > round + 1);
      }
      expect(await reached(await world.write('note-last', ORG_A, 'last'))).toBe(true);
      expect(await world.everything()).toEqual(await unbroken());
    },
  );

  it('F15: a holder that is killed is followed by another within its lease, from where it was', async () => {
    world = await notesWorld([1], { sharedStore: true });
    const child = startChild('inside');
    await child.said('acquired');
    const position = await world.writeMany(1_000, 5, ORG_A);
    await child.said('applied');
    child.process.kill('SIGKILL');
    run();
    expect(await reached(position)).toBe(true);
    expect(await world.everything()).toEqual(await unbroken());
  });

  it('F15: a projector that froze between preparing a statement and running it does not hold up the next', async () => {
    world = await notesWorld();
    const proxy = await startFaultProxy({ port: Number(new URL(world.database.url).port) });
    const sql = createSql({
      url: proxy.through(world.database.urlFor('kf_worker')),
      applicationName: 'frozen',
      max: 3,
    });
    cleanups.push(
      () => proxy.close(),
      () => closeSql(sql, 500),
    );
    let applying = 0;
    const projection = notesProjection();
    const frozen = run({
      sql,
      projection: {
        ...projection,
        apply: async (events, context) => {
          if (applying++ === 1) {
            proxy.set({ mode: 'unanswered' });
            await context.tx`select ${String(applying)}::text as never_run`;
          }
          return projection.apply(events, context);
        },
      },
    });
    await world.writeMany(100, 5, ORG_A);
    await waitFor(() => frozen.steps.some(({ kind }) => kind === 'applied'));
    const position = await world.writeMany(100, 5, ORG_B);
    await waitFor(() => applying > 1);
    run();
    expect(await reached(position)).toBe(true);
    proxy.heal();
    await waitFor(() => frozen.steps.some(({ kind }) => kind === 'lost' || kind === 'failed'));
    expect(await world.everything()).toEqual(await unbroken());
  });

  it('F19: connections that are cut again and again lose and repeat nothing', async () => {
    world = await notesWorld();
    const proxy = await startFaultProxy({ port: Number(new URL(world.database.url).port) });
    const sql = createSql({
      url: proxy.through(world.database.urlFor('kf_worker')),
      applicationName: 'cut',
      max: 3,
    });
    cleanups.push(
      () => proxy.close(),
      () => closeSql(sql, 500),
    );
    const { steps } = run({ sql, retryMs: 5, batchSize: 10 });
    for (let cut = 0; cut < 20; cut += 1) {
      await world.writeMany(100, 5, cut % 2 ? ORG_A : ORG_B);
      const applied = steps.length;
      await waitFor(() => steps.length > applied);
      proxy.reset();
    }
    expect(await reached(await world.write('note-last', ORG_A, 'last'))).toBe(true);
    expect(steps.some(({ kind }) => kind === 'failed')).toBe(true);
    expect(steps.some(({ kind }) => kind === 'parked')).toBe(false);
    expect(await world.everything()).toEqual(await unbroken());
  });
});

interface Child {
  readonly process: ChildProcess;
  count(step: string): number;
  said(step: string): Promise<unknown>;
}

function startChild(linger: 'inside' | 'between'): Child {
  const script = fileURLToPath(new URL('../testing/projector-process.ts', import.meta.url));
  const register = fileURLToPath(new URL('../../../testing/jest/register.mjs', import.meta.url));
  const child = spawn(process.execPath, ['--import', register, script], {
    env: {
      ...process.env,
      LINGER: linger,
      WORKER_URL: world.database.urlFor('kf_worker'),
      STORE_URL: world.database.urlFor('kf_store'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  cleanups.push(() => child.kill('SIGKILL'));
  return {
    process: child,
    count: (step) => output.split('\n').filter((line) => line === step).length,
    said: (step) => waitFor(() => output.includes(`${step}\n`), { what: `"${step}" from the child` }),
  };
}
