import { analyticsMigrations, eventsProjection } from '@keyfleet/analytics/read-model';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId, systemClock } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { hostProjections, type Listening, listenChanges, type ProjectionHost } from '@keyfleet/read-store';
import { type ReadModelDatabase, readModelDatabase } from '@keyfleet/read-store/testing';
import { testRedis, waitFor } from '@keyfleet/testing';
import { Redis } from 'ioredis';
import { FOREIGN_ORG, type GatewayDouble, gatewayDouble, ORG, SESSION } from '../testing/double.js';
import { follow, liveClient } from '../testing/live-client.js';

const FLEET = 'subscription($org: String!) { fleetChanged(org: $org) { reset readModels agents { id } } }';
const store = createInMemoryEventStore({ clock: systemClock });
let redis: Redis;
let gateway: GatewayDouble;
let database: ReadModelDatabase;
let listening: Listening;
let worker: Sql;
let host: ProjectionHost;

beforeAll(async () => {
  redis = new Redis((await testRedis()).url);
  database = await readModelDatabase([analyticsMigrations]);
  gateway = await gatewayDouble(redis);
  await gateway.app.listen(0, '127.0.0.1');
  listening = await listenChanges({
    url: database.urlFor('kf_reader'),
    applicationName: 'feed',
    onNotice: (notice) => gateway.feed.notice(notice),
    onLost: () => gateway.feed.lost(),
  });
  worker = createSql({ url: database.urlFor('kf_worker'), applicationName: 'carries', max: 4 });
  host = hostProjections({ sql: worker, store, projections: [eventsProjection] });
}, 60_000);

afterAll(async () => {
  await host.close();
  await listening.close();
  await gateway.app.close();
  redis.disconnect();
  await closeSql(worker);
  await database.close();
});

const happen = (orgId: string | null) =>
  store.append(`thing-${newId('evt')}`, 'no-stream', [
    {
      id: newId('evt'),
      type: 'Happened',
      v: 1,
      data: {},
      metadata: { orgId, actor: 'usr_1', at: new Date().toISOString() },
    },
  ]);

it('repro-silent-timeline: a subscriber hears that its timeline grew, and nothing of that of others', async () => {
  const client = liveClient(gateway.app, { cookie: `keyfleet_session=${SESSION}` });
  const { messages } = follow(client, FLEET, { org: ORG.slug });
  await waitFor(() => messages.length === 1);
  const position = await happen(FOREIGN_ORG.id).then(() => store.headPosition());
  await waitFor(async () => {
    const [row] = await worker<{ position: string | null }[]>`
      select position from projections.checkpoints where projection = ${eventsProjection.name}`;
    return row?.position === position;
  });
  await happen(ORG.id);
  await waitFor(() => messages.length === 2);
  await happen(null);
  await waitFor(() => messages.length === 3);
  const told = { readModels: ['analytics.events'], agents: [] };
  expect(messages.slice(1).map(({ data }) => data?.fleetChanged)).toEqual([
    { ...told, reset: false },
    // What happened to the installation is everybody's.
    { ...told, reset: true },
  ]);
  await client.dispose();
});
