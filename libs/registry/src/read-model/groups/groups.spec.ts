import { groupView } from '@keyfleet/contracts/http';
import { deriveId } from '@keyfleet/platform';
import { type Happening, type ReadModelWorld, readModelWorld } from '../testing/world.js';
import { groupsProjection, listGroups } from './groups.js';

const [ORG, OTHER] = [deriveId('org', 'a'), deriveId('org', 'b')];
let world: ReadModelWorld;

beforeAll(async () => {
  world = await readModelWorld(groupsProjection);
}, 60_000);
beforeEach(() => world.empty());
afterAll(() => world.close());

const idOf = (name: string) => deriveId('grp', name);
const defined = (name: string, offlineAfterSeconds: number | null = null): Happening => [
  `group-${idOf(name)}`,
  'GroupDefined',
  { groupId: idOf(name), name, selector: 'labels.env = prod', offlineAfterSeconds },
];
const removed = (name: string): Happening => [`group-${idOf(name)}`, 'GroupRemoved', { groupId: idOf(name) }];
const list = (given: Partial<Parameters<typeof listGroups>[0]> = {}) =>
  listGroups({ sql: world.as('kf_reader'), cursors: world.cursors, orgId: ORG, limit: 50, ...given });
const names = async (given = {}) => (await list(given)).items.map(({ name }) => name);

it('groups are listed by name, in pages, each as it was last defined', async () => {
  await world.happen(ORG, [defined('c'), defined('a'), defined('b'), defined('a', 120)]);
  const first = await list({ limit: 2 });
  expect(first.items.map((item) => groupView.parse(item))).toMatchObject([
    { name: 'a', offlineAfterSeconds: 120, selector: 'labels.env = prod' },
    { name: 'b', offlineAfterSeconds: null },
  ]);
  expect(await names({ limit: 2, cursor: first.nextCursor })).toEqual(['c']);
  expect(await names({ filter: 'name != b' })).toEqual(['a', 'c']);
  await expect(list({ filter: 'constructor = a' })).rejects.toMatchObject({ code: 'filter.invalid' });
});

it('a removed group is gone, and stays gone when its past comes again', async () => {
  const events = await world.happen(ORG, [defined('a'), defined('b'), removed('a')]);
  expect(await names()).toEqual(['b']);
  await world.project(events);
  await world.project(events.slice(0, 1));
  expect(await names()).toEqual(['b']);
});

it('S9: groups of others are not listed', async () => {
  await world.happen(OTHER, [defined('theirs')]);
  await world.happen(ORG, [defined('ours')]);
  expect(await names()).toEqual(['ours']);
  expect(await names({ filter: `id = "${idOf('theirs')}"` })).toEqual([]);
});
