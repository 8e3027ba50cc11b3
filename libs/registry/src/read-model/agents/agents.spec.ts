import { agentView } from '@keyfleet/contracts/http';
import type { RecordedEvent } from '@keyfleet/event-store';
import { deriveId, newId } from '@keyfleet/platform';
import { compileScoped, tenancyViolations } from '@keyfleet/read-store';
import type { DatabaseRole } from '@keyfleet/testing';
import { sql } from 'kysely';
import { type ReadModelWorld, readModelWorld } from '../testing/world.js';
import { agentsProjection } from './projection.js';
import { countAgentsByState, getAgent, getAgents, listAgents } from './queries.js';
import type { AgentTables } from './tables.js';

const [ORG, OTHER] = [deriveId('org', 'a'), deriveId('org', 'b')];
let world: ReadModelWorld;
const as = (role: DatabaseRole) => world.as(role);

beforeAll(async () => {
  world = await readModelWorld(agentsProjection);
}, 60_000);

beforeEach(async () => {
  await world.empty();
  await as('kf_worker')`delete from registry.agent_last_seen`;
  await as('kf_worker')`delete from registry.detection`;
  await watching(true);
});

afterAll(() => world.close());

/** Whether the detector would notice silence now. */
async function watching(watched: boolean): Promise<void> {
  await as('kf_worker')`
    insert into registry.detection (installation_id, watching) values ('ins_1', ${watched})
    on conflict (installation_id) do update set watching = excluded.watching, touched_at = clock_timestamp()`;
}

/** Facts of one agent, each in the stream it belongs to. */
function happen(
  agentId: string,
  orgId: string,
  facts: readonly (readonly [stream: string, type: string, data?: object])[],
): Promise<readonly RecordedEvent[]> {
  return world.happen(
    orgId,
    facts.map(([stream, type, data]) => [stream, type, { agentId, ...data }] as const),
  );
}

async function enrol(name: string, given: { orgId?: string; labels?: Record<string, string> } = {}) {
  const { orgId = ORG, labels = { env: 'prod' } } = given;
  const agentId = deriveId('agt', name);
  await happen(agentId, orgId, [
    [
      `agent-${agentId}`,
      'AgentEnrolled',
      {
        name,
        nkey: 'U',
        labels,
        version: '1.0.0',
        tokenId: 'etk_1',
        serial: '01',
        certificateExpiresAt: '2027-01-01T00:00:00.000Z',
      },
    ],
  ]);
  return agentId;
}

/** What the beats of an agent say. */
async function seen(agentId: string, state: string, orgId = ORG): Promise<void> {
  await as('kf_worker')`
    insert into registry.agent_last_seen
      (agent_id, org_id, state, seen_at, policy_version, policy_hash, secrets, storage, seal)
    values (${agentId}, ${orgId}, ${state}, '2026-03-04T05:06:07.123456Z', 3, ${'a'.repeat(64)}, 42, 'ok', 'unsealed')`;
}

const get = async (agentId: string, orgId: string = ORG) =>
  (await getAgent({ sql: as('kf_reader'), orgId }, agentId))?.view;
const list = (given: Partial<Parameters<typeof listAgents>[0]> = {}) =>
  listAgents({ sql: as('kf_reader'), orgId: ORG, cursors: world.cursors, limit: 50, ...given });
const names = async (given: Parameters<typeof list>[0]) => (await list(given)).items.map(({ name }) => name);

describe('the inventory', () => {
  it('shows an agent from its facts, its journal and its beats', async () => {
    const agentId = await enrol('site-1');
    await seen(agentId, 'online');
    await happen(agentId, ORG, [
      [`journal-${agentId}.1`, 'SecretCreated'],
      [`journal-${agentId}.1`, 'SecretRotated'],
      [`journal-${agentId}.1`, 'UsageReported'],
      [`agent-${agentId}`, 'AgentLabelled', { labels: { env: 'test' } }],
      [`agent-${agentId}`, 'AgentVersionChanged', { from: '1.0.0', to: '1.1.0' }],
      [`agent-${agentId}`, 'AgentCertificateRenewed', { expiresAt: '2027-02-01T00:00:00.000Z' }],
      [`liveness-${agentId}`, 'AgentCameOnline'],
    ]);
    const found = await getAgent({ sql: as('kf_reader'), orgId: ORG }, agentId);
    expect(found?.revision).toBe('3');
    expect(agentView.parse(found?.view)).toEqual({
      id: agentId,
      name: 'site-1',
      state: 'online',
      version: '1.1.0',
      labels: { env: 'test' },
      lastSeenAt: '2026-03-04T05:06:07.123456Z',
      enrolledAt: expect.any(String),
      policy: { version: 3, hash: 'a'.repeat(64) },
      journal: { epoch: 1, seq: 3 },
      secrets: 42,
      storage: 'ok',
      seal: 'unsealed',
      lastEvent: { type: 'AgentCameOnline', at: expect.any(String) },
      certificateExpiresAt: '2027-02-01T00:00:00Z',
    });
  });

  it('follows the journal into a new epoch and not back', async () => {
    const agentId = await enrol('site-1');
    await happen(agentId, ORG, [
      [`journal-${agentId}.1`, 'SecretCreated'],
      [`journal-${agentId}.1`, 'SecretRotated'],
      [`agent-${agentId}`, 'AgentJournalForked', { epoch: 1, forkedAt: 2, newEpoch: 2, prev: 'a' }],
    ]);
    expect(await get(agentId)).toMatchObject({ journal: { epoch: 2, seq: 0 } });
    const later = await happen(agentId, ORG, [[`journal-${agentId}.2`, 'SecretRotated']]);
    expect(await get(agentId)).toMatchObject({ journal: { epoch: 2, seq: 1 } });
    await world.project((await world.store.readAll()).events);
    await world.project(later);
    expect(await get(agentId)).toMatchObject({
      journal: { epoch: 2, seq: 1 },
      lastEvent: { type: 'SecretRotated' },
    });
  });

  it('says nothing about usage as the last event: it is reported every minute', async () => {
    const agentId = await enrol('site-1');
    await happen(agentId, ORG, [
      [`journal-${agentId}.1`, 'SecretCreated'],
      [`journal-${agentId}.1`, 'UsageReported'],
    ]);
    expect(await get(agentId)).toMatchObject({
      journal: { seq: 2 },
      lastEvent: { type: 'SecretCreated' },
    });
  });

  it('F16: is the same when its events come again, one by one or at once', async () => {
    const agentId = await enrol('site-1');
    await happen(agentId, ORG, [
      [`journal-${agentId}.1`, 'SecretCreated'],
      [`agent-${agentId}`, 'AgentLabelled', { labels: { env: 'x' } }],
      [`agent-${agentId}`, 'AgentEpochStarted', { epoch: 3, prev: 'a' }],
      [`journal-${agentId}.3`, 'SecretRotated'],
      [`agent-${agentId}`, 'AgentRevoked', { jwtExpiresAt: '2027-01-01T00:00:00.000Z' }],
    ]);
    const rows = () => as('kf_worker')`select * from registry.agents_v1`;
    const before = await rows();
    const { events } = await world.store.readAll();
    await world.project(events);
    for (const event of events) await world.project([event]);
    expect(await rows()).toEqual(before);
  });

  it('tells of each organisation whose agents moved', async () => {
    const [a, b] = [await enrol('site-1'), await enrol('site-2', { orgId: OTHER })];
    const { events } = await world.store.readAll();
    expect(await world.project(events)).toEqual([
      { orgId: ORG, ids: [a] },
      { orgId: OTHER, ids: [b] },
    ]);
  });
});

describe('the state of an agent', () => {
  it.each([
    ['new', 'unknown'],
    ['online', 'online'],
    ['leaving', 'offline'],
    ['offline', 'offline'],
  ])('%s is shown as %s', async (state, shown) => {
    const agentId = await enrol('site-1');
    await seen(agentId, state);
    expect(await get(agentId)).toMatchObject({ state: shown });
  });

  it('is unknown before its first beat', async () => {
    expect(await get(await enrol('site-1'))).toMatchObject({ state: 'unknown', lastSeenAt: null });
  });

  it('F2: is unknown while detection is paused, and revoked all the same', async () => {
    const [lives, gone] = [await enrol('site-1'), await enrol('site-2')];
    await seen(lives, 'online');
    await happen(gone, ORG, [
      [`agent-${gone}`, 'AgentRevoked', { jwtExpiresAt: '2027-01-01T00:00:00.000Z' }],
    ]);
    const scope = { sql: as('kf_reader'), orgId: ORG };
    expect(await countAgentsByState(scope)).toEqual({ online: 1, offline: 0, unknown: 0, revoked: 1 });
    await watching(false);
    expect(await get(lives)).toMatchObject({ state: 'unknown' });
    expect(await get(gone)).toMatchObject({ state: 'revoked' });
    expect(await countAgentsByState(scope)).toEqual({ online: 0, offline: 0, unknown: 1, revoked: 1 });
  });
});

describe('the list of agents', () => {
  beforeEach(async () => {
    await enrol('delta', { labels: { env: 'prod', site: 'berlin' } });
    await enrol('alpha', { labels: { env: 'test' } });
    await enrol('charlie', { labels: { env: 'prod' } });
    await enrol('bravo', { labels: {} });
    await enrol('foreign', { orgId: OTHER });
    await seen(deriveId('agt', 'alpha'), 'online');
    await seen(deriveId('agt', 'delta'), 'offline');
  });

  it.each([
    ['state = offline', ['delta']],
    ['state != offline', ['alpha', 'bravo', 'charlie']],
    ['labels.env = "prod"', ['charlie', 'delta']],
    ['labels.env != prod', ['alpha', 'bravo']],
    ['labels.site:*', ['delta']],
    ['NOT labels.site:*', ['alpha', 'bravo', 'charlie']],
    ['name:L', ['alpha', 'charlie', 'delta']],
    ['state = offline AND labels.env = "prod"', ['delta']],
    ['state = online OR labels.env = prod', ['alpha', 'charlie', 'delta']],
    ['lastSeenAt < "2026-04-01T00:00:00Z"', ['alpha', 'delta']],
    ['lastSeenAt > "2026-04-01T00:00:00Z"', []],
    ['secrets >= 42 AND policy.version = 3', ['alpha', 'delta']],
    ['name = "\'; drop table registry.agents; --"', []],
    ['labels.constructor = x', []],
  ])('%s picks %j', async (filter, expected) => {
    expect(await names({ filter })).toEqual(expected);
  });

  it.each([
    'status = online',
    'state = asleep',
    'name > a',
    'secrets = many',
    'lastSeenAt = yesterday',
    'lastSeenAt:a',
    'constructor = x',
    'labels = x',
  ])('refuses %s', async (filter) => {
    await expect(list({ filter })).rejects.toMatchObject({ code: 'filter.invalid' });
  });

  it.each([
    ['name', ['alpha', 'bravo', 'charlie', 'delta']],
    ['-name', ['delta', 'charlie', 'bravo', 'alpha']],
    ['enrolledAt', ['delta', 'alpha', 'charlie', 'bravo']],
    ['-enrolledAt', ['bravo', 'charlie', 'alpha', 'delta']],
  ] as const)('comes by %s in pages without holes or repeats', async (sort, expected) => {
    for (const limit of [1, 2, 3, 4]) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await list({ sort, limit, cursor });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        found.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual(expected);
    }
  });

  it('has agents that were never seen at the end of those sorted by it', async () => {
    expect((await names({ sort: '-lastSeenAt' })).slice(0, 2).sort()).toEqual(['alpha', 'delta']);
    const first = await list({ sort: 'lastSeenAt', limit: 3 });
    const rest = await names({ sort: 'lastSeenAt', limit: 3, cursor: first.nextCursor as string });
    expect([...first.items.map(({ name }) => name), ...rest].sort()).toEqual([
      'alpha',
      'bravo',
      'charlie',
      'delta',
    ]);
  });

  it('takes no cursor of another list, organisation or filter', async () => {
    const { nextCursor } = await list({ limit: 1 });
    const cursor = nextCursor as string;
    for (const given of [{ filter: 'state = offline' }, { orgId: OTHER }, { sort: '-name' as const }])
      await expect(list({ limit: 1, cursor, ...given })).rejects.toMatchObject({ code: 'cursor.invalid' });
    await expect(list({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'cursor.invalid' });
  });
});

describe('agents of others', () => {
  it('S9: are not found by id, in a batch, in a list or in a count', async () => {
    const [own, foreign] = [await enrol('own'), await enrol('foreign', { orgId: OTHER })];
    await seen(foreign, 'online', OTHER);
    const scope = { sql: as('kf_reader'), orgId: ORG };
    expect(await get(foreign)).toBeUndefined();
    expect(await get(newId('agt'))).toBeUndefined();
    expect((await getAgents(scope, [foreign, own, newId('agt')])).map(({ id }) => id)).toEqual([own]);
    expect(await names({})).toEqual(['own']);
    expect(await names({ filter: `id = "${foreign}"` })).toEqual([]);
    expect(await countAgentsByState(scope)).toEqual({ online: 0, offline: 0, unknown: 1, revoked: 0 });
  });

  it('S10: stay hidden when a query forgets its organisation, and so does everything without a scope', async () => {
    await enrol('own');
    await enrol('foreign', { orgId: OTHER });
    const reader = as('kf_reader');
    expect(await reader`select * from registry.agents`).toEqual([]);
    const { text, parameters } = compileScoped<AgentTables, { name: string }>(ORG, (db) =>
      db.selectFrom('registry.agents as a').select(['a.name']).where(sql<boolean>`true`),
    );
    expect(await reader.unsafe(text, parameters as never[])).toEqual([{ name: 'own' }]);
    expect(await tenancyViolations(as('kf_owner'))).toEqual([]);
  });
});
