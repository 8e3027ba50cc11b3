import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { newId } from '@keyfleet/platform';
import { agentHistoryProjection } from '../agent-history/projection.js';
import { type AnalyticsWorld, analyticsWorld, ORG } from '../testing/world.js';
import { eventsProjection } from './projection.js';
import { listEvents } from './queries.js';

const FOLDER = resolve('libs/contracts/src/events/released');
const CATEGORIES: Readonly<Record<string, string>> = { vault: 'journal', registry: 'agent' };
let world: AnalyticsWorld;

beforeAll(async () => {
  world = await analyticsWorld();
});

afterAll(() => world.close());

it.each(readdirSync(FOLDER))('F17: a timeline and a history are built of the events of %s', async (file) => {
  const released = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as {
    context: string;
    type: string;
    data: object;
  }[];
  await world.empty(eventsProjection);
  for (const { context, type, data } of released)
    await world.happen(`${CATEGORIES[context] ?? context}-${newId('agt')}`, type, data);
  const events = await world.events();
  await world.project(eventsProjection, events);
  const history = events.filter(({ stream }) => stream.startsWith('agent-'));
  await world.project(agentHistoryProjection, history);
  const { items } = await listEvents({
    ...{ sql: world.as('kf_reader'), cursors: world.cursors, orgId: ORG, limit: 200 },
  });
  expect(items.map(({ type }) => type).reverse()).toEqual(released.map(({ type }) => type));
});
