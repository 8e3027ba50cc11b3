import { enrolmentTokenView } from '@keyfleet/contracts/http';
import { deriveId } from '@keyfleet/platform';
import { type Happening, type ReadModelWorld, readModelWorld } from '../testing/world.js';
import { enrolmentTokensProjection } from './projection.js';
import { listEnrolmentTokens } from './queries.js';

const [ORG, OTHER] = [deriveId('org', 'a'), deriveId('org', 'b')];
let world: ReadModelWorld;

beforeAll(async () => {
  world = await readModelWorld(enrolmentTokensProjection);
}, 60_000);
beforeEach(() => world.empty());
afterAll(() => world.close());

const idOf = (name: string) => deriveId('etk', name);
const HASH = 'ab'.repeat(32);
const happening = (name: string, type: string, data: object = {}): Happening => [
  `enrolment-${idOf(name)}`,
  type,
  { tokenId: idOf(name), ...data },
];
const issued = (name: string, uses = 1, expiresAt = '2027-01-01T00:00:00.000Z') =>
  happening(name, 'EnrolmentTokenIssued', { secretHash: HASH, uses, expiresAt, labels: { env: 'prod' } });
const used = (name: string) => happening(name, 'EnrolmentTokenUsed', { agentId: deriveId('agt', name) });
const list = (given: Partial<Parameters<typeof listEnrolmentTokens>[0]> = {}) =>
  listEnrolmentTokens({
    sql: world.as('kf_reader'),
    cursors: world.cursors,
    orgId: ORG,
    now: '2026-06-01T00:00:00.000Z',
    limit: 50,
    ...given,
  });
const states = async (given = {}) =>
  Object.fromEntries((await list(given)).items.map(({ id, state }) => [id, state]));

it('enrolment tokens are shown with what became of them', async () => {
  const events = await world.happen(ORG, [
    issued('open', 2),
    used('open'),
    issued('used'),
    used('used'),
    issued('expired', 1, '2026-05-31T23:59:59.000Z'),
    issued('revoked'),
    happening('revoked', 'EnrolmentTokenRevoked'),
  ]);
  const expected = Object.fromEntries(
    ['open', 'used', 'expired', 'revoked'].map((name) => [idOf(name), name]),
  );
  expect(await states()).toEqual(expected);
  await world.project(events);
  for (const event of events) await world.project([event]);
  expect(await states()).toEqual(expected);
  expect(await states({ filter: 'state = used OR state = expired' })).toEqual({
    [idOf('used')]: 'used',
    [idOf('expired')]: 'expired',
  });
  const [view] = (await list({ filter: 'state = open' })).items;
  expect(enrolmentTokenView.parse(view)).toMatchObject({ uses: 2, used: 1, labels: { env: 'prod' } });
});

it('S6: nothing that is kept for readers leads back to a secret', async () => {
  await world.happen(ORG, [issued('a')]);
  const [row] = await world.as(
    'kf_worker',
  )`select to_jsonb(t)::text as text from registry.enrolment_tokens_v1 t`;
  expect(row?.text).not.toContain(HASH);
  await expect(world.as('kf_reader')`select * from registry.enrolment_secrets`).rejects.toMatchObject({
    code: '42501',
  });
});

it('S9: tokens come newest first, in pages, and never those of others', async () => {
  await world.happen(OTHER, [issued('theirs')]);
  await world.happen(ORG, [issued('one'), issued('two'), issued('three')]);
  const first = await list({ limit: 2 });
  expect(first.items.map(({ id }) => id)).toEqual([idOf('three'), idOf('two')]);
  const rest = await list({ limit: 2, cursor: first.nextCursor as string });
  expect(rest).toMatchObject({ items: [{ id: idOf('one') }], nextCursor: null });
});
