import type { EventStore } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId, systemClock } from '@keyfleet/platform';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { migrate, physicalName, projectionsMigrations, tenancyViolations } from '@keyfleet/read-store';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import fc from 'fast-check';
import { livenessMigrations } from './migrations.js';
import { watchedAgents } from './watched-agents.js';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  const projections = { owner: 'projections', migrations: projectionsMigrations };
  await migrate({ ownerUrl: database.url, sets: [projections, livenessMigrations] });
  sql = createSql({ url: database.urlFor('kf_worker'), applicationName: 'spec', max: 2 });
});

afterAll(async () => {
  await closeSql(sql);
  await database.drop();
});

const orgId = newId('org');

async function append(store: EventStore, stream: string, type: string, data: object): Promise<void> {
  const revision = await store.streamRevision(stream);
  await store.append(stream, revision ?? 'no-stream', [
    {
      id: newId('evt'),
      type,
      v: 1,
      data,
      metadata: { orgId, actor: 'usr_1', at: '2026-01-01T00:00:00.000Z' },
    },
  ]);
}

function enrol(store: EventStore, agentId: string, labels: Record<string, string> = {}): Promise<void> {
  return append(store, `agent-${agentId}`, 'AgentEnrolled', { agentId, version: '1.0.0', labels });
}

function group(store: EventStore, groupId: string, selector: string, seconds: number | null): Promise<void> {
  const data = { groupId, name: 'g', selector, offlineAfterSeconds: seconds };
  return append(store, `group-${groupId}`, 'GroupDefined', data);
}

/** Applies the store's events in pieces of these sizes, from empty tables, and gives the agents' rows. */
async function project(store: EventStore, sizes: readonly number[]): Promise<unknown[]> {
  const { events } = await store.readAll({ filter: watchedAgents.filter, limit: 1_000 });
  const table = (name: string) => physicalName(name, 1);
  return transaction(sql, async (tx) => {
    for (const { name } of watchedAgents.tables) await tx`delete from ${tx(table(name))}`;
    let from = 0;
    for (let turn = 0; from < events.length; turn += 1) {
      const size = sizes[turn % sizes.length] ?? 1;
      const piece = events.slice(from, from + size);
      await watchedAgents.apply(piece, { tx, table });
      // The same events again change nothing.
      await watchedAgents.apply(piece, { tx, table });
      from += size;
    }
    return [
      ...(await tx`
        select agent_id, org_id, labels, offline_after, revoked from ${tx(table('registry.watched_agents'))} order by agent_id`),
    ];
  });
}

describe('the agents to watch', () => {
  it('have the strictest setting of the groups that pick them, through labels, changes and removals', async () => {
    const store = createInMemoryEventStore({ clock: systemClock });
    const [prod, test, plain] = [newId('agt'), newId('agt'), newId('agt')];
    const [strict, loose] = [newId('grp'), newId('grp')];
    const thresholds = async () => {
      const rows = (await project(store, [2])) as { agent_id: string; offline_after: number }[];
      return [prod, test, plain].map((id) => rows.find((row) => row.agent_id === id)?.offline_after);
    };
    await enrol(store, prod, { env: 'prod' });
    await group(store, loose, 'labels.env:*', 240);
    await group(store, strict, 'labels.env = prod', 45);
    await enrol(store, test, { env: 'test' });
    await enrol(store, plain);
    expect(await thresholds()).toEqual([45, 240, 90]);
    await append(store, `agent-${plain}`, 'AgentLabelled', { agentId: plain, labels: { env: 'prod' } });
    await group(store, strict, 'labels.env = prod', 60);
    expect(await thresholds()).toEqual([60, 240, 60]);
    await append(store, `group-${strict}`, 'GroupRemoved', { groupId: strict });
    await group(store, loose, 'labels.env:*', null);
    expect(await thresholds()).toEqual([90, 90, 90]);
    await append(store, `agent-${plain}`, 'AgentRevoked', {
      agentId: plain,
      jwtExpiresAt: '2026-01-02T00:00:00Z',
    });
    expect(await project(store, [100])).toContainEqual(
      expect.objectContaining({ agent_id: plain, org_id: orgId, labels: { env: 'prod' }, revoked: true }),
    );
  });

  it('are the same however the events are batched, and when they come again', async () => {
    const store = createInMemoryEventStore({ clock: systemClock });
    const agents = Array.from({ length: 4 }, () => newId('agt'));
    const groups = Array.from({ length: 3 }, () => newId('grp'));
    for (const agentId of agents) await enrol(store, agentId, { env: 'prod' });
    const envs = ['prod', 'test', 'dev'];
    for (let turn = 0; turn < 30; turn += 1) {
      const agentId = agents[turn % 4] as string;
      const groupId = groups[(turn * 7) % 3] as string;
      const env = envs[(turn * 5) % 3] as string;
      if (turn % 3 === 0)
        await append(store, `agent-${agentId}`, 'AgentLabelled', { agentId, labels: { env } });
      else if (turn % 3 === 1) await group(store, groupId, `labels.env = ${env}`, 40 + turn);
      else await append(store, `group-${groupId}`, 'GroupRemoved', { groupId });
    }
    const whole = await project(store, [1_000]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        async (sizes) => {
          expect(await project(store, sizes)).toEqual(whole);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('S10: lie in tables that only their organisation and the workers see', async () => {
    expect(await tenancyViolations(sql)).toEqual([]);
    const reader = createSql({ url: database.urlFor('kf_reader'), applicationName: 'spec', max: 1 });
    await sql`insert into registry.agent_last_seen (agent_id, org_id, state) values (${newId('agt')}, ${orgId}, 'new')`;
    expect(await reader`select * from registry.agent_last_seen`).toEqual([]);
    expect(await reader`select covered from registry.detection_now`).toEqual([{ covered: false }]);
    await closeSql(reader);
  });
});
