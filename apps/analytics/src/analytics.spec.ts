import { analyticsMigrations, listEvents } from '@keyfleet/analytics/read-model';
import { freePort } from '@keyfleet/embedded';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore, eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { serviceSettings, TestBroker } from '@keyfleet/messaging/testing';
import { newId } from '@keyfleet/platform';
import { listPolicies, policyMigrations } from '@keyfleet/policy/read-model';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { Cursors, type MigrationSet, migrate, projectionsMigrations } from '@keyfleet/read-store';
import {
  createTestDatabase,
  type FaultProxy,
  type ServiceProcess,
  startFaultProxy,
  startService,
  type TestDatabase,
  waitFor,
} from '@keyfleet/testing';

const ORG = 'org_01932b1e-7c3a-7abc-8def-00000000000a';
const OTHER_ORG = 'org_01932b1e-7c3a-7abc-8def-00000000000b';
const storeMigrations = eventStoreMigrations.map(({ name, up }) => ({
  name,
  up: (tx: unknown) => up(tx as never),
}));
const SETS = [
  { owner: 'event-store', migrations: storeMigrations },
  { owner: 'projections', migrations: projectionsMigrations },
  analyticsMigrations,
  policyMigrations,
] as MigrationSet[];

let database: TestDatabase;
let broker: TestBroker;
let way: FaultProxy;
let service: ServiceProcess;
let store: EventStore;
let reader: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  broker = await TestBroker.start();
  way = await startFaultProxy({ port: Number(new URL(database.url).port) });
  service = await startService({
    app: 'analytics',
    port: await freePort(),
    settings: {
      ...(await serviceSettings(broker, 'analytics')),
      KEYFLEET_DATABASE__STORE_URL_FILE: way.through(database.urlFor('kf_store')),
      KEYFLEET_DATABASE__WORKER_URL_FILE: way.through(database.urlFor('kf_worker')),
    },
  });
  store = createPostgresEventStore({ url: database.urlFor('kf_store'), name: 'spec' });
  reader = createSql({ url: database.urlFor('kf_reader'), applicationName: 'spec', max: 2 });
}, 90_000);

afterAll(async () => {
  await service?.process.stop();
  await store?.close();
  await closeSql(reader);
  await way?.close();
  await broker?.stop();
  await database?.drop();
});

async function happen(type: string): Promise<void> {
  const metadata = { orgId: ORG, actor: 'usr_1', at: new Date().toISOString() };
  await store.append(`thing-${newId('evt')}`, 'no-stream', [
    { id: newId('evt'), type, v: 1, data: {}, metadata },
  ]);
}

const timeline = async () =>
  (await listEvents({ sql: reader, cursors: new Cursors('k'.repeat(32)), orgId: ORG, limit: 50 })).items.map(
    ({ type }) => type,
  );

describe('analytics as a process', () => {
  it('waits for the migrations and says so, then projects what was and what comes', async () => {
    expect(await service.failing()).toMatchObject({ started: 'waiting for the migrations' });
    await migrate({ ownerUrl: database.url, sets: SETS });
    await happen('Before');
    await waitFor(async () => Object.keys(await service.failing()).length === 0, { ceilingMs: 30_000 });
    await happen('After');
    await waitFor(async () => (await timeline()).length === 2, { ceilingMs: 15_000 });
    expect(await timeline()).toEqual(['After', 'Before']);
    expect(await service.metric('keyfleet_projection_events_total')).toBeGreaterThanOrEqual(2);
  }, 60_000);

  it('projects policies beside the timeline', async () => {
    const policyId = newId('pol');
    const data = {
      ...{ policyId, name: 'Billing', draft: 1, hash: 'ab'.repeat(32), basedOn: null },
      document: { statements: [{ id: 'one' }] },
    };
    const metadata = { orgId: OTHER_ORG, actor: 'usr_1', at: new Date().toISOString() };
    await store.append(`policy-${policyId}`, 'no-stream', [
      { id: newId('evt'), type: 'PolicyDrafted', v: 1, data, metadata },
    ]);
    const policies = async () =>
      listPolicies({ sql: reader, cursors: new Cursors('k'.repeat(32)), orgId: OTHER_ORG, limit: 50 });
    await waitFor(async () => (await policies()).items.length === 1, { ceilingMs: 15_000 });
    expect((await policies()).items).toMatchObject([{ name: 'Billing', state: 'draft', statements: 1 }]);
  }, 30_000);

  it('F19: says what fails while the database is away, and loses nothing of what happened meanwhile', async () => {
    way.set({ mode: 'refuse' });
    way.reset();
    await happen('Meanwhile');
    await waitFor(async () => 'database' in (await service.failing()), { ceilingMs: 30_000 });
    way.heal();
    await waitFor(async () => (await timeline())[0] === 'Meanwhile', { ceilingMs: 30_000 });
    await waitFor(async () => Object.keys(await service.failing()).length === 0, { ceilingMs: 30_000 });
    expect(await timeline()).toEqual(['Meanwhile', 'After', 'Before']);
  }, 90_000);

  it('goes on without a broker, which carries no fact', async () => {
    await broker.server.kill();
    await happen('WithoutBroker');
    await waitFor(async () => (await timeline())[0] === 'WithoutBroker', { ceilingMs: 15_000 });
    await waitFor(async () => 'broker' in (await service.failing()), { ceilingMs: 30_000 });
    await broker.restart();
    await waitFor(async () => Object.keys(await service.failing()).length === 0, { ceilingMs: 60_000 });
  }, 120_000);

  it('writes no credential into its log', () => {
    const { username, password } = new URL(database.urlFor('kf_worker'));
    expect(service.logs()).toContain('Analytics projects');
    expect(service.logs()).not.toContain(`${username}:${password}`);
    expect(service.logs()).not.toContain(password);
  });

  it('ends by itself and cleanly when asked', async () => {
    await service.process.stop();
    expect(await service.process.exited).toEqual({ code: 0, signal: null });
  }, 30_000);
});
