import { closeSql, createSql } from '@keyfleet/postgres';
import { type ChangeNotice, hostProjections, type Listening, listenChanges } from '@keyfleet/read-store';
import { waitFor } from '@keyfleet/testing';
import { type AnalyticsWorld, analyticsWorld, ORG, OTHER } from '../testing/world.js';
import { eventsProjection } from './projection.js';
import { EVENTS } from './table.js';

let world: AnalyticsWorld;
let listening: Listening;
const notices: ChangeNotice[] = [];

beforeAll(async () => {
  world = await analyticsWorld();
  listening = await listenChanges({
    url: world.urlFor('kf_reader'),
    applicationName: 'test',
    onNotice: (notice) => notices.push(notice),
    onLost: () => undefined,
  });
});

afterAll(async () => {
  await listening.close();
  await world.close();
});

/** As the service that carries it does, until everything there is stands in the tables. */
async function carry(): Promise<void> {
  const { store } = world;
  const sql = createSql({ url: world.urlFor('kf_worker'), applicationName: 'carries', max: 4 });
  const host = hostProjections({ sql, store, projections: [eventsProjection] });
  await waitFor(() => host.caughtUp());
  await host.close();
  await closeSql(sql);
}

it('repro-silent-timeline: the timeline says that it changed, to each organisation once however much happened', async () => {
  await world.happen('agent-1', 'AgentRevoked', {}, { orgId: OTHER });
  for (let n = 0; n < 200; n += 1) await world.happen('thing-1', 'Happened', { n }, { ms: 0 });
  const position = await world.store.headPosition();
  await carry();
  await waitFor(() => notices.some(({ orgId }) => orgId === ORG));
  expect(notices).toEqual([
    { readModel: EVENTS, orgId: OTHER, ids: [], position },
    { readModel: EVENTS, orgId: ORG, ids: [], position },
  ]);
  notices.length = 0;
  await world.happen('detection-1', 'DetectionPaused', {}, { orgId: null });
  await carry();
  // What happened to the installation stands in everybody's timeline.
  await waitFor(() => notices.length > 0);
  expect(notices).toMatchObject([{ readModel: EVENTS, orgId: null, ids: [] }]);
});
