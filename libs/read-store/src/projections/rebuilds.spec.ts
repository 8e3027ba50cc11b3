import { setImmediate } from 'node:timers/promises';
import { closeSql, createSql } from '@keyfleet/postgres';
import { waitFor } from '@keyfleet/testing';
import { sql } from 'kysely';
import { listenChanges } from '../feed/listen.js';
import type { ChangeNotice } from '../projection.js';
import { type ScopedQuery, tenantQuery } from '../tenancy/tenant-query.js';
import { tenancyViolations } from '../tenancy/violations.js';
import {
  type NotesProjection,
  type NotesWorld,
  notesProjection,
  notesWorld,
  ORG_A,
  ORG_B,
} from '../testing/notes.js';
import { hostProjections } from './host.js';
import { parkedStreams } from './park.js';
import { requestRebuild } from './rebuilds.js';
import type { RunStep } from './run.js';
import { waitForPosition } from './wait.js';

const NAME = 'test.notes';
/** What the rows of before are marked with: a fault that a rebuild mends. */
const MARK = 99;
let world: NotesWorld;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  world = await notesWorld();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await world.close();
});

function host(projection: NotesProjection = notesProjection()) {
  const steps: [string, RunStep['kind']][] = [];
  const hosted = hostProjections({
    ...{ sql: world.worker, store: world.store, projections: [projection] },
    ...{ retryMs: 20, switchEveryMs: 20, rebuildLookMs: 20 },
    onStep: (name, { kind }) => steps.push([name, kind]),
  });
  cleanups.push(() => hosted.close());
  return { hosted, steps };
}

const reached = (position: string) =>
  waitForPosition(world.worker, { projections: [NAME], position, ceilingMs: 20_000 });

const rebuilt = () =>
  waitFor(
    async () => {
      const rows =
        await world.worker`select 1 from projections.checkpoints where version = -1 and state = 'retired'`;
      return rows.length === 1;
    },
    { ceilingMs: 30_000 },
  );

async function physical(version: number): Promise<Record<string, string>> {
  const rows =
    await world.worker`select logical, physical from projections.tables where version = ${version}`;
  return Object.fromEntries(rows.map((row) => [row.logical, row.physical]));
}

async function rowsOf(version: number): Promise<unknown> {
  const tables = await physical(version);
  const [notes, totals] = await Promise.all([
    world.worker`select org_id, id, text, changes from ${world.worker(tables['test.notes'] ?? '')} order by org_id, id`,
    world.worker`select org_id, changes from ${world.worker(tables['test.totals'] ?? '')} order by org_id`,
  ]);
  return { notes: [...notes], totals: [...totals] };
}

interface Tables {
  'test.notes': { org_id: string; id: string; changes: number; made_by: number };
  'test.totals': { org_id: string; changes: bigint; made_by: number };
}
interface Marks {
  readonly marks: number[];
  readonly notes: bigint;
  readonly totals: bigint;
}

/** Every mark in both tables, and whether the two agree. */
const marks: ScopedQuery<Tables, Marks> = (db, org) =>
  db
    .selectFrom('test.totals as t')
    .innerJoin('test.notes as n', 'n.org_id', 't.org_id')
    .where('t.org_id', '=', org)
    .select([
      sql<number[]>`array_agg(distinct n.made_by) || array_agg(distinct t.made_by)`.as('marks'),
      sql<bigint>`sum(n.changes)`.as('notes'),
      sql<bigint>`min(t.changes)`.as('totals'),
    ]);

describe('a rebuild an operator asks for', () => {
  it('F16: under writers and readers fails no read, mixes no rows, tells nobody twice and gives the same rows', async () => {
    const last = await world.writeMany(20_000, 20, ORG_A);
    const { steps } = host();
    expect(await reached(last)).toBe(true);
    await world.worker`update test.notes_v1 set made_by = ${MARK}`;
    await world.worker`update test.totals_v1 set made_by = ${MARK}`;
    const notices: ChangeNotice[] = [];
    const listening = await listenChanges({
      ...{ url: world.database.urlFor('kf_reader'), applicationName: 'test', onLost: () => undefined },
      onNotice: (notice) => notices.push(notice),
    });
    cleanups.push(() => listening.close());

    let loaded = true;
    const answers: Marks[] = [];
    const read = async (): Promise<void> => {
      while (loaded) answers.push(...(await tenantQuery(world.reader, ORG_A, marks)));
    };
    const write = async (): Promise<void> => {
      for (let n = 0; loaded; n += 1) {
        await world.write(`note-${n % 20}`, ORG_A, `w${n}`);
        await setImmediate();
      }
    };
    const load = [read(), read(), write()];
    expect(await requestRebuild(world.worker, NAME)).toBe(1);
    await rebuilt();
    await waitFor(() => answers.at(-1)?.marks.every((mark) => mark === 1));
    loaded = false;
    await Promise.all(load);

    expect(
      answers.filter((one) => new Set(one.marks).size > 1 || String(one.notes) !== String(one.totals)),
    ).toEqual([]);
    expect(new Set(answers.flatMap((one) => one.marks))).toEqual(new Set([1, MARK]));
    expect(await reached(await world.write('note-0', ORG_A, 'end'))).toBe(true);
    expect(await physical(1)).toEqual({ 'test.notes': 'test.notes_v1_r', 'test.totals': 'test.totals_v1_r' });
    const [row] = await world.worker<{ n: bigint }[]>`select sum(changes) as n from test.notes`;
    const { events } = await world.store.readAll({ limit: 1_000_000 });
    expect(Number(row?.n)).toBe(events.length);
    expect(steps.filter(([, kind]) => kind === 'switched')).toEqual([[`${NAME} (rebuild)`, 'switched']]);
    // One notice to read anew, and none of an event that had been told before.
    expect(notices.filter(({ orgId }) => orgId === null)).toHaveLength(1);
    const told = notices.filter(({ orgId }) => orgId !== null).map(({ position }) => Number(position));
    expect(Math.min(...told)).toBeGreaterThan(20_000);
    expect(told.filter((position, at) => told.indexOf(position) !== at)).toEqual([]);
  }, 60_000);

  it('F16: leaves the tables as closed and as indexed as they were, again and again', async () => {
    const admin = createSql({ url: world.database.superuserUrl, applicationName: 'test', max: 1 });
    cleanups.push(() => closeSql(admin));
    const shape = async (table: string): Promise<unknown> => ({
      policies: [
        ...(await admin`
          select polname, polcmd, polroles::regrole[]::text, pg_get_expr(polqual, polrelid) as using,
            pg_get_expr(polwithcheck, polrelid) as checks
          from pg_policy where polrelid = ${table}::regclass order by polname`),
      ],
      kind: [
        ...(await admin`
          select relrowsecurity, relforcerowsecurity, reloptions, relowner::regrole::text,
            array(select unnest(relacl)::text order by 1) as grants from pg_class where oid = ${table}::regclass`),
      ],
      indexes: [
        ...(await admin`
          select array_agg(regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '') order by 1) as of
          from pg_index where indrelid = ${table}::regclass`),
      ],
    });
    const before = await shape('test.notes_v1');
    await world.write('note-1', ORG_A, 'a');
    await world.write('note-2', ORG_B, 'b');
    host();
    for (const table of ['test.notes_v1_r', 'test.notes_v1', 'test.notes_v1_r']) {
      await requestRebuild(world.worker, NAME);
      await rebuilt();
      expect((await physical(1))['test.notes']).toBe(table);
      expect(await shape(table)).toEqual(before);
    }
    expect(await tenancyViolations(admin, { installationTables: [] })).toEqual([]);
    expect(await rowsOf(1)).toEqual(await rowsOf(-1));
    expect(await world.reader`select * from test.notes`).toHaveLength(0);
  }, 60_000);

  it('F16: is one however often it is asked for, done by one of two replicas, and unknown names are refused', async () => {
    await world.writeMany(2_000, 5, ORG_A);
    expect(await requestRebuild(world.worker, 'test.unknown')).toBeNull();
    expect(await requestRebuild(world.worker, NAME)).toBe(1);
    expect(await requestRebuild(world.worker, NAME)).toBe(1);
    const replicas = [host(), host()];
    await rebuilt();
    await waitFor(() => replicas.some(({ steps }) => steps.some(([, kind]) => kind === 'switched')));
    expect(replicas.flatMap(({ steps }) => steps.filter(([, kind]) => kind === 'switched'))).toHaveLength(1);
    expect(await reached(await world.write('note-0', ORG_A, 'end'))).toBe(true);
    expect(replicas.map(({ hosted }) => hosted.trouble())).toEqual([undefined, undefined]);
    expect(await rowsOf(1)).toMatchObject({ totals: [{ org_id: ORG_A, changes: 2_001n }] });
  }, 60_000);

  it('repro-failing-after-rebuild: who failed at a rebuild that somebody else finished is well again', async () => {
    const admin = createSql({ url: world.database.url, applicationName: 'test', max: 1 });
    cleanups.push(() => closeSql(admin));
    await admin`revoke insert on projections.leases from kf_worker`;
    await requestRebuild(world.worker, NAME);
    const replicas = [host(), host()];
    const rebuildOf = ({ hosted }: (typeof replicas)[number]) => hosted.trouble()?.includes('(rebuild)');
    await waitFor(() => replicas.every(rebuildOf));
    await admin`grant insert on projections.leases to kf_worker`;
    await rebuilt();
    await world.write('note-0', ORG_A, 'x');
    await waitFor(() => replicas.every(({ hosted }) => hosted.trouble() === undefined));
  }, 60_000);

  it('F13, F16: lets a stream that was parked go on where the code was mended, and parks it again where not', async () => {
    const projection = notesProjection();
    projection.poison = 'poison';
    await world.write('note-bad', ORG_A, 'poison');
    await world.write('note-bad', ORG_A, 'after');
    host(projection);
    expect(await reached(await world.write('note-good', ORG_A, 'fine'))).toBe(true);
    await requestRebuild(world.worker, NAME);
    await rebuilt();
    // What the replaced tables had parked is nobody's any more.
    expect((await parkedStreams(world.worker)).map(({ version }) => version)).toEqual([1]);
    projection.poison = null;
    await requestRebuild(world.worker, NAME);
    await rebuilt();
    expect(await parkedStreams(world.worker)).toEqual([]);
    expect(await world.rows()).toMatchObject([
      { id: 'note-bad', text: 'after', changes: 2 },
      { id: 'note-good', text: 'fine', changes: 1 },
    ]);
  }, 60_000);

  it('may be asked for by workers only', async () => {
    await expect(requestRebuild(world.reader, NAME)).rejects.toMatchObject({ code: '42501' });
    await expect(world.worker`select projections.replace(${NAME}, 1)`).rejects.toThrow('not being rebuilt');
    await expect(
      world.worker`select projections.copy_table('test.notes_v1', 'test.mine')`,
    ).rejects.toMatchObject({
      code: '42501',
    });
  });
});
