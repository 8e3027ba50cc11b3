import { setImmediate } from 'node:timers/promises';
import { closeSql, createSql } from '@keyfleet/postgres';
import { waitFor } from '@keyfleet/testing';
import { sql } from 'kysely';
import { listenChanges } from '../feed/listen.js';
import { migrate } from '../migrations/migrate.js';
import { projectionMigration, retiredProjectionMigration } from '../migrations/projection-tables.js';
import type { ChangeNotice } from '../projection.js';
import { type ScopedQuery, tenantQuery } from '../tenancy/tenant-query.js';
import { tenancyViolations } from '../tenancy/violations.js';
import { type NotesWorld, notesProjection, notesWorld, ORG_A } from '../testing/notes.js';
import { type RunOptions, type RunStep, rebuildProjection, runProjection } from './run.js';
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

function run(version: number, options: Partial<RunOptions> = {}) {
  const controller = new AbortController();
  const steps: RunStep[] = [];
  const done = runProjection({
    sql: world.worker,
    store: world.store,
    projection: notesProjection(version),
    retryMs: 20,
    switchEveryMs: 20,
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
  waitForPosition(world.worker, { projections: ['test.notes'], position, ceilingMs: 20_000 });

async function states(): Promise<Record<string, string>> {
  const rows = await world.worker`select version, state from projections.checkpoints`;
  return Object.fromEntries(rows.map(({ version, state }) => [`v${version}`, state as string]));
}

async function listen(): Promise<ChangeNotice[]> {
  const notices: ChangeNotice[] = [];
  const listening = await listenChanges({
    url: world.database.urlFor('kf_reader'),
    applicationName: 'test',
    onNotice: (notice) => notices.push(notice),
    onLost: () => undefined,
  });
  cleanups.push(() => listening.close());
  return notices;
}

interface Tables {
  'test.notes': { org_id: string; id: string; changes: number; made_by: number };
  'test.totals': { org_id: string; changes: bigint; made_by: number };
}
interface Made {
  readonly notes_by: number;
  readonly totals_by: number;
  readonly notes: bigint;
  readonly totals: bigint;
}

/** Both tables of the read model in one answer: whose they are, and whether they agree. */
const made: ScopedQuery<Tables, Made> = (db, org) =>
  db
    .selectFrom('test.totals as t')
    .innerJoin('test.notes as n', 'n.org_id', 't.org_id')
    .where('t.org_id', '=', org)
    .select([
      sql<number>`min(n.made_by)`.as('notes_by'),
      sql<number>`min(t.made_by)`.as('totals_by'),
      sql<bigint>`sum(n.changes)`.as('notes'),
      sql<bigint>`min(t.changes)`.as('totals'),
    ]);

describe('a rebuild', () => {
  it('F16: under writers and readers fails no read, mixes no versions, tells nobody twice and gives the same rows', async () => {
    await world.writeMany(20_000, 20, ORG_A);
    const old = run(1);
    expect(await reached(await world.write('note-0', ORG_A, 'now'))).toBe(true);
    const notices = await listen();

    let reading = true;
    const answers: Made[] = [];
    const read = async (): Promise<void> => {
      while (reading) answers.push(...(await tenantQuery(world.reader, ORG_A, made)));
    };
    const write = async (): Promise<void> => {
      for (let n = 0; reading; n += 1) {
        await world.write(`note-${n % 20}`, ORG_A, `w${n}`);
        await setImmediate();
      }
    };
    const load = [read(), read(), read(), write()];
    const next = run(2);
    await waitFor(() => next.steps.some(({ kind }) => kind === 'switched'), { ceilingMs: 30_000 });
    await waitFor(() => answers.at(-1)?.notes_by === 2);
    reading = false;
    await Promise.all(load);

    expect(
      answers.filter((one) => one.notes_by !== one.totals_by || String(one.notes) !== String(one.totals)),
    ).toEqual([]);
    expect(new Set(answers.map((one) => one.notes_by))).toEqual(new Set([1, 2]));
    const totals = answers.map((one) => Number(one.totals));
    expect(totals.filter((total, at) => total < (totals[at - 8] ?? 0))).toEqual([]);

    const end = await world.write('note-0', ORG_A, 'end');
    expect(await reached(end)).toBe(true);
    await waitFor(async () => {
      const rows = await world.worker`select 1 from projections.checkpoints where position = ${end}`;
      return rows.length === 2;
    });
    expect(await world.everything(1)).toEqual(await world.everything(2));
    expect(await states()).toEqual({ v1: 'retired', v2: 'current' });
    await waitFor(() => notices.at(-1)?.position === end);
    expect(notices.filter(({ orgId }) => orgId === null)).toHaveLength(1);
    // Of the 20,000 events that were there before, nothing was told again.
    const positions = notices.map(({ position }) => Number(position));
    expect(Math.min(...positions)).toBeGreaterThan(20_000);
    // The last notice of the old version may arrive after the switch was told; none arrives a second time.
    const told = notices.filter(({ orgId }) => orgId !== null).map(({ position }) => position);
    expect(told.filter((position, at) => told.indexOf(position) !== at)).toEqual([]);
    await old.stop();
  }, 60_000);

  it('F16: ends by itself once readers are switched, and is nothing to do when they are', async () => {
    await world.writeMany(500, 5, ORG_A);
    const options = {
      sql: world.worker,
      store: world.store,
      projection: notesProjection(2),
      switchEveryMs: 20,
      signal: AbortSignal.timeout(20_000),
    };
    await rebuildProjection(options);
    expect(await states()).toEqual({ v1: 'retired', v2: 'current' });
    await rebuildProjection(options);
    expect(await world.rows()).toHaveLength(5);
  });

  it('F16: switches at once where nothing was ever written', async () => {
    const { steps } = run(2);
    await waitFor(() => steps.some(({ kind }) => kind === 'switched'));
    expect(await states()).toEqual({ v1: 'retired', v2: 'current' });
  });

  it('F17: after a rollback readers get the older version back, which its worker has carried on', async () => {
    const newer = run(2);
    await waitFor(() => newer.steps.some(({ kind }) => kind === 'switched'));
    const older = run(1, { abandonedAfterMs: 300 });
    await waitFor(() => older.steps.some(({ kind }) => kind === 'acquired'));
    await world.write('note-1', ORG_A, 'by both');
    expect(await states()).toEqual({ v1: 'retired', v2: 'current' });
    await newer.stop();
    const position = await world.write('note-1', ORG_A, 'by the older');
    await waitFor(() => older.steps.some(({ kind }) => kind === 'switched'));
    expect(await states()).toEqual({ v1: 'current', v2: 'retired' });
    expect(await reached(position)).toBe(true);
    expect(await world.rows()).toEqual([{ id: 'note-1', text: 'by the older', changes: 2 }]);
    // The newer release comes again: its version catches up and is shown.
    const again = run(2);
    await waitFor(() => again.steps.some(({ kind }) => kind === 'switched'));
    expect(await world.rows()).toEqual([{ id: 'note-1', text: 'by the older', changes: 2 }]);
  });

  it('one release later drops the version before, and never the one in use', async () => {
    await rebuildProjection({
      sql: world.worker,
      store: world.store,
      projection: notesProjection(2),
      switchEveryMs: 20,
      signal: AbortSignal.timeout(20_000),
    });
    const [first, ...rest] = world.sets;
    const retire = (version: number) => [
      ...(first ? [first] : []),
      ...rest,
      {
        owner: `retire-${version}`,
        migrations: [retiredProjectionMigration({ projection: 'test.notes', version }, '0001_retire')],
      },
    ];
    await expect(migrate({ ownerUrl: world.database.url, sets: retire(2) })).rejects.toThrow('in use');
    await migrate({ ownerUrl: world.database.url, sets: retire(1) });
    expect(await states()).toEqual({ v2: 'current' });
    await expect(world.worker`select from test.notes_v1`).rejects.toMatchObject({ code: '42P01' });
    expect(await world.rows()).toEqual([]);
  });

  it('can change its set of tables, and leaves nothing open', async () => {
    const { tables, ...projection } = notesProjection(3);
    const fewer = { ...projection, tables: tables.slice(0, 1) };
    const admin = createSql({ url: world.database.superuserUrl, applicationName: 'test', max: 1 });
    cleanups.push(() => closeSql(admin));
    await migrate({
      ownerUrl: world.database.url,
      sets: [...world.sets, { owner: 'later', migrations: [projectionMigration(fewer, '0003_notes')] }],
    });
    await rebuildProjection({
      sql: world.worker,
      store: world.store,
      projection: fewer,
      switchEveryMs: 20,
      signal: AbortSignal.timeout(20_000),
    });
    await expect(world.reader`select from test.totals`).rejects.toMatchObject({ code: '42P01' });
    expect(await world.reader`select from test.notes`).toHaveLength(0);
    expect(await tenancyViolations(admin, { installationTables: [] })).toEqual([]);
  });
});
