import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { analyticsMigrations, eventsProjection } from '@keyfleet/analytics/read-model';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore, eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { newId } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import {
  hostProjections,
  migrate,
  type Projection,
  type ProjectionHost,
  projectionsMigrations,
} from '@keyfleet/read-store';
import { createTestDatabase, type TestDatabase, temporaryDirectory, waitFor } from '@keyfleet/testing';

const ORG = 'org_01932b1e-7c3a-7abc-8def-00000000000a';
const REGISTER = resolve('libs/testing/jest/register.mjs');
let database: TestDatabase;
let folder: string;
let store: EventStore;
let worker: Sql;
let host: ProjectionHost | undefined;
let broken = false;

/** The timeline, with a fault that can be mended. */
const projection: Projection = {
  ...eventsProjection,
  apply: async (events, context) => {
    if (broken && events.some(({ type }) => type === 'Bad')) throw new TypeError('cannot take it');
    return eventsProjection.apply(events, context);
  },
};

beforeAll(async () => {
  database = await createTestDatabase();
  await migrate({
    ownerUrl: database.url,
    sets: [
      { owner: 'event-store', migrations: eventStoreMigrations },
      { owner: 'projections', migrations: projectionsMigrations },
      analyticsMigrations,
    ],
  });
  folder = temporaryDirectory('installation');
  mkdirSync(join(folder, '.keyfleet/secrets'), { recursive: true });
  for (const role of ['kf_worker', 'kf_store'] as const)
    writeFileSync(join(folder, `.keyfleet/secrets/database-${role}-url`), `${database.urlFor(role)}\n`);
  store = createPostgresEventStore({ url: database.urlFor('kf_store') });
  worker = createSql({ url: database.urlFor('kf_worker'), applicationName: 'spec', max: 8 });
  host = hostProjections({
    sql: worker,
    store,
    projections: [projection],
    switchEveryMs: 50,
    rebuildLookMs: 50,
  });
}, 60_000);

afterAll(async () => {
  await host?.close();
  await store.close();
  await closeSql(worker);
  await database.drop();
});

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as its users call it, from its sources. */
function keyfleet(...args: readonly string[]): Promise<Said> {
  const script = resolve('tools/src/keyfleet.ts');
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['--import', REGISTER, script, 'projections', ...args],
      { cwd: folder, encoding: 'utf8', timeout: 60_000 },
      (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

async function happen(stream: string, ...types: readonly string[]): Promise<void> {
  const metadata = { orgId: ORG, actor: 'usr_1', at: new Date().toISOString() };
  await store.append(
    stream,
    'no-stream',
    types.map((type) => ({ id: newId('evt'), type, v: 1, data: {}, metadata })),
  );
}

const rows = async () =>
  (await worker`select stream, type from analytics.events order by position`).map((row) => ({ ...row }));

describe('keyfleet projections', () => {
  it('F13: shows a parked stream, and replays it once its fault is mended', async () => {
    broken = true;
    await happen('thing-bad', 'Fine', 'Bad', 'Fine');
    await happen('thing-good', 'Fine');
    await waitFor(async () => (await rows()).length === 2, { ceilingMs: 20_000 });
    broken = false;
    const parked = await keyfleet('parked', '-o', 'json');
    expect(JSON.parse(parked.stdout)).toMatchObject([
      {
        stream: 'thing-bad',
        projection: 'analytics.events',
        fromRevision: '1',
        eventType: 'Bad',
        code: 'TypeError',
      },
    ]);
    expect((await keyfleet('list')).stdout).toMatch(/analytics\.events +1 +current +\d+ +\S+ +yes +1\n/);
    const done = await keyfleet('replay', 'thing-bad');
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(done.stderr).toContain('2 events applied');
    expect(await rows()).toHaveLength(4);
    expect(await keyfleet('parked')).toMatchObject({ code: 0, stdout: '', stderr: 'No stream is parked.\n' });
    expect(await keyfleet('replay', 'thing-bad')).toMatchObject({ code: 4 });
  }, 90_000);

  it('F16: rebuilds a read model that a running service hosts, and mends its rows', async () => {
    const before = await rows();
    await worker`update analytics.events_v1 set type = 'Spoiled'`;
    const done = await keyfleet('rebuild', 'analytics.events');
    expect(done).toMatchObject({ code: 0, stdout: '' });
    expect(done.stderr).toMatch(/is rebuilt \(\d/);
    expect(await rows()).toEqual(before);
    const listed = JSON.parse((await keyfleet('list', '--output', 'json')).stdout) as { state: string }[];
    expect(listed).toContainEqual(
      expect.objectContaining({ projection: 'analytics.events', version: 1, state: 'replaced' }),
    );
  }, 90_000);

  it('says what is wrong with what it was asked, each with its code', async () => {
    expect(await keyfleet('rebuild', 'analytics.unknown')).toMatchObject({ code: 4 });
    for (const wrong of [[], ['rebuild'], ['list', 'more'], ['list', '-o', 'xml'], ['list', '--what']])
      expect(await keyfleet(...wrong)).toMatchObject({ code: 1, stdout: '' });
    await host?.close();
    host = undefined;
    expect(await keyfleet('rebuild', 'analytics.events', '--timeout', '1')).toMatchObject({ code: 6 });
    expect((await keyfleet('list')).stdout).toMatch(/analytics\.events +1 +rebuilding/);
    const elsewhere = folder;
    folder = temporaryDirectory('nothing');
    const nothing = await keyfleet('list');
    folder = elsewhere;
    expect(nothing).toMatchObject({ code: 2, stdout: '' });
    expect(nothing.stderr).toContain('no installation in this folder');
  }, 120_000);
});
