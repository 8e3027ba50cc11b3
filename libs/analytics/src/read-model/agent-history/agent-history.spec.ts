import { newId } from '@keyfleet/platform';
import { compileScoped } from '@keyfleet/read-store';
import fc from 'fast-check';
import { eventsProjection } from '../events/projection.js';
import { type AnalyticsWorld, analyticsWorld, ORG, OTHER } from '../testing/world.js';
import { agentHistoryProjection } from './projection.js';
import { type AgentsAsOf, agentsAsOf } from './queries.js';
import type { AgentHistoryTables } from './table.js';

let world: AnalyticsWorld;
const START = Date.parse('2026-01-01T00:00:00.000Z');

beforeAll(async () => {
  world = await analyticsWorld();
});

beforeEach(async () => {
  await world.empty(eventsProjection);
  await world.empty(agentHistoryProjection);
  world.clock.jumpTo(START);
});

afterAll(() => world.close());

const at = (seconds: number) => new Date(START + seconds * 1_000).toISOString();
const list = (asOf: string, given: Partial<AgentsAsOf> = {}) =>
  agentsAsOf({ sql: world.as('kf_reader'), cursors: world.cursors, orgId: ORG, limit: 200, asOf, ...given });

function enrolled(agentId: string, name = 'site-1', labels: Record<string, string> = {}) {
  const data = { agentId, name, labels, version: '1.0.0', certificateExpiresAt: at(86_400) };
  return [`agent-${agentId}`, 'AgentEnrolled', data] as const;
}

async function project(): Promise<void> {
  const events = await world.events();
  const followed = events.filter(({ stream }) => /^(agent|liveness)-/.test(stream));
  await world.project(eventsProjection, events);
  await world.project(agentHistoryProjection, followed);
}

describe('the fleet as of a past moment', () => {
  it('is what was recorded by then, and nothing of what beats said', async () => {
    const agentId = newId('agt');
    await world.happen(...enrolled(agentId, 'site-1', { env: 'prod' })); // 0
    await world.happen(`liveness-${agentId}`, 'AgentCameOnline', { agentId }); // 1
    await world.happen(`journal-${agentId}.1`, 'SecretCreated', {}); // 2
    await world.happen(`agent-${agentId}`, 'AgentLabelled', { agentId, labels: { env: 'test' } }); // 3
    await world.happen(`liveness-${agentId}`, 'AgentWentOffline', { agentId }); // 4
    await world.happen(`agent-${agentId}`, 'AgentJournalForked', { agentId, newEpoch: 2 }); // 5
    await world.happen(`journal-${agentId}.2`, 'SecretRotated', {}); // 6
    await world.happen(`agent-${agentId}`, 'AgentRevoked', { agentId }); // 7
    await project();
    const seen = async (seconds: number) => {
      const [agent] = (await list(at(seconds))).items;
      return agent && [agent.state, agent.labels.env, agent.journal.epoch, agent.journal.seq];
    };
    expect(await seen(-1)).toBeUndefined();
    expect(await seen(0)).toEqual(['unknown', 'prod', 1, 0]);
    expect(await seen(1.5)).toEqual(['online', 'prod', 1, 0]);
    expect(await seen(2)).toEqual(['online', 'prod', 1, 1]);
    expect(await seen(3)).toEqual(['online', 'test', 1, 1]);
    expect(await seen(4)).toEqual(['offline', 'test', 1, 1]);
    expect(await seen(5)).toEqual(['offline', 'test', 2, 0]);
    expect(await seen(6)).toEqual(['offline', 'test', 2, 1]);
    expect(await seen(100)).toEqual(['revoked', 'test', 2, 1]);
    expect((await list(at(100))).items[0]).toMatchObject({
      lastSeenAt: null,
      secrets: null,
      enrolledAt: '2026-01-01T00:00:00Z',
    });
  });

  it('has two facts of one moment both, and no range without length', async () => {
    const agentId = newId('agt');
    await world.happen(...enrolled(agentId), { ms: 0 });
    await world.happen(`liveness-${agentId}`, 'AgentCameOnline', { agentId }, { ms: 0 });
    await world.happen(`agent-${agentId}`, 'AgentVersionChanged', { agentId, from: '1.0.0', to: '1.1.0' });
    await project();
    expect((await list(at(0))).items).toMatchObject([{ state: 'online', version: '1.1.0' }]);
    expect(await world.as('kf_worker')`select count(*)::int as n from analytics.agent_history`).toEqual([
      { n: 1 },
    ]);
  });

  it('F13, F16: is the same from one batch, from many, twice, and with a stream that was parked and comes last', async () => {
    const agents = [newId('agt'), newId('agt')];
    const facts = fc.array(
      fc.record({
        agent: fc.constantFrom(...agents),
        kind: fc.constantFrom('label', 'version', 'renew', 'online', 'offline', 'revoke', 'gap'),
        value: fc.integer({ min: 1, max: 4 }),
        ms: fc.constantFrom(0, 0, 1_000, 60_000),
      }),
      { minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(
        facts,
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('agent', 'liveness'),
        async (all, size, parked) => {
          await world.empty(agentHistoryProjection);
          for (const agentId of agents) await world.happen(...enrolled(agentId));
          for (const { agent: agentId, kind, value, ms } of all) {
            const [category, type, data] = FACTS[kind as keyof typeof FACTS](value);
            await world.happen(`${category}-${agentId}`, type, { agentId, ...data }, { ms });
          }
          const events = await world.events();
          const rows = async () => {
            const found = await world.as(
              'kf_worker',
            )`select * from analytics.agent_history order by agent_id, valid_from`;
            return [...found];
          };
          await world.project(agentHistoryProjection, events);
          const whole = await rows();
          await world.project(agentHistoryProjection, events);
          expect(await rows()).toEqual(whole);
          await world.as('kf_worker').unsafe('delete from analytics.agent_history_v1');
          for (let from = 0; from < events.length; from += size)
            await world.project(agentHistoryProjection, events.slice(from, from + size));
          expect(await rows()).toEqual(whole);

          await world.as('kf_worker').unsafe('delete from analytics.agent_history_v1');
          const late = events.filter(
            ({ stream, type }) => stream === `${parked}-${agents[0]}` && type !== 'AgentEnrolled',
          );
          await world.project(
            agentHistoryProjection,
            events.filter((event) => !late.includes(event)),
          );
          await world.project(agentHistoryProjection, late);
          expect(await shown()).toEqual(await shownOf(whole));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('comes in pages by name, filtered as the present list is', async () => {
    for (const [index, name] of ['delta', 'alpha', 'charlie', 'bravo'].entries())
      await world.happen(...enrolled(newId('agt'), name, { env: index % 2 === 0 ? 'prod' : 'test' }));
    await world.happen(...enrolled(newId('agt'), 'foreign'), { orgId: OTHER });
    await project();
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list(at(60), { limit: 3, cursor });
      found.push(...page.items.map(({ name }) => name));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(found).toEqual(['alpha', 'bravo', 'charlie', 'delta']);
    const names = async (filter: string, seconds = 60) =>
      (await list(at(seconds), { filter })).items.map(({ name }) => name);
    expect(await names('labels.env = prod')).toEqual(['charlie', 'delta']);
    expect(await names('labels.env = prod', 1.5)).toEqual(['delta']);
    expect(await names('state = unknown AND name:a')).toEqual(['alpha', 'bravo', 'charlie', 'delta']);
    expect(await names('state = online')).toEqual([]);
    await expect(list(at(60), { filter: 'lastSeenAt > "2026-01-01T00:00:00Z"' })).rejects.toMatchObject({
      code: 'filter.invalid',
    });
  });

  it('S10: stays with its organisation when a query forgets it', async () => {
    await world.happen(...enrolled(newId('agt'), 'own'));
    await world.happen(...enrolled(newId('agt'), 'foreign'), { orgId: OTHER });
    await project();
    const reader = world.as('kf_reader');
    expect(await reader`select * from analytics.agent_history`).toEqual([]);
    const { text, parameters } = compileScoped<AgentHistoryTables, { name: string }>(ORG, (db) =>
      db.selectFrom('analytics.agent_history as h').select('h.name'),
    );
    expect(await reader.unsafe(text, parameters as never[])).toEqual([{ name: 'own' }]);
  });
});

const FACTS = {
  label: (value: number) => ['agent', 'AgentLabelled', { labels: { n: String(value) } }],
  version: (value: number) => ['agent', 'AgentVersionChanged', { from: '1.0.0', to: `1.${value}.0` }],
  renew: (value: number) => ['agent', 'AgentCertificateRenewed', { expiresAt: at(value * 1_000) }],
  revoke: () => ['agent', 'AgentRevoked', {}],
  gap: (value: number) => ['agent', 'JournalGapFound', { newEpoch: value }],
  online: () => ['liveness', 'AgentCameOnline', {}],
  offline: () => ['liveness', 'AgentWentOffline', {}],
} as const satisfies Record<string, (value: number) => readonly [string, string, object]>;

/** What the ranges say at each moment something was recorded; where they are cut does not matter. */
async function shown(): Promise<unknown[]> {
  const rows = await world.as('kf_worker')`select * from analytics.agent_history`;
  return shownOf([...rows]);
}

async function shownOf(rows: readonly Record<string, unknown>[]): Promise<unknown[]> {
  const moments = (await world.events()).map(({ recordedAt }) => Date.parse(recordedAt));
  return moments.map((moment) =>
    rows
      .filter(({ valid_from, valid_to }) => {
        const from = Date.parse(String(valid_from));
        return from <= moment && (valid_to === null || Date.parse(String(valid_to)) > moment);
      })
      .map(({ agent_id, labels, version, revoked, liveness, certificate_expires_at }) =>
        JSON.stringify([agent_id, labels, version, revoked, liveness, certificate_expires_at]),
      )
      .sort(),
  );
}
