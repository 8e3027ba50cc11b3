import type { RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { migrate, physicalName, projectionsMigrations, tenancyViolations } from '@keyfleet/read-store';
import { createTestDatabase, TestClock, type TestDatabase } from '@keyfleet/testing';
import fc from 'fast-check';
import { agentReportsProjection } from './agent-reports.js';
import { policyDistributionMigrations } from './migrations.js';

let database: TestDatabase;
let sql: Sql;

beforeAll(async () => {
  database = await createTestDatabase();
  const projections = { owner: 'projections', migrations: projectionsMigrations };
  await migrate({ ownerUrl: database.url, sets: [projections, policyDistributionMigrations] });
  sql = createSql({ url: database.urlFor('kf_worker'), applicationName: 'spec', max: 2 });
}, 60_000);

afterAll(async () => {
  await closeSql(sql);
  await database.drop();
});

const orgId = newId('org');
const hash = (digit: string) => digit.repeat(64);

async function journal(facts: readonly [agentId: string, type: string, data: object][]) {
  const store = createInMemoryEventStore({ clock: new TestClock() });
  for (const [agentId, type, data] of facts) {
    const stream = `journal-${agentId}.1`;
    const metadata = { orgId, actor: agentId, at: '2026-01-01T00:00:00.000Z' };
    const event = { id: newId('evt'), type, v: 1, data, metadata };
    await store.append(stream, (await store.streamRevision(stream)) ?? 'no-stream', [event]);
  }
  return (await store.readAll({ filter: agentReportsProjection.filter, limit: 1_000 })).events;
}

const table = (name: string) => physicalName(name, 1);

/** In pieces of these sizes, each of them twice, from empty tables. */
async function project(events: readonly RecordedEvent[], sizes: readonly number[]): Promise<unknown[]> {
  return transaction(sql, async (tx) => {
    for (const { name } of agentReportsProjection.tables) await tx`delete from ${tx(table(name))}`;
    for (let from = 0, turn = 0; from < events.length; turn += 1) {
      const piece = events.slice(from, (from += sizes[turn % sizes.length] ?? 1));
      for (const _ of [1, 2]) await agentReportsProjection.apply(piece, { tx, table });
    }
    return [
      ...(await tx`
        select applied_version, applied_hash, rejected_version, rejected_code, bypassed_until is not null as bypassed,
          traffic_version, requests, denied, seq,
          (select count(*) from ${tx(table('policy.agent_applied'))} a where a.agent_id = r.agent_id) as had
        from ${tx(table('policy.agent_reports'))} r order by agent_id`),
    ];
  });
}

const usage = (policyVersion: number | null, outcome: string, count: number, method = 'api-key') => ({
  rows: [{ policyVersion, outcome, count, method }],
});

describe('what agents report of their policies', () => {
  it('is the last bundle applied and refused, and the requests under the newest one', async () => {
    const agent = newId('agt');
    const events = await journal([
      [agent, 'PolicyApplied', { version: 1, hash: hash('1') }],
      [agent, 'UsageReported', usage(1, 'denied', 50)],
      [agent, 'PolicyApplied', { version: 2, hash: hash('2') }],
      [agent, 'UsageReported', usage(2, 'allowed', 30)],
      [agent, 'UsageReported', usage(1, 'denied', 9)],
      [agent, 'UsageReported', usage(2, 'denied', 10)],
      [agent, 'UsageReported', usage(null, 'allowed', 4)],
      [agent, 'PolicyRejected', { version: 3, hash: hash('3'), code: 'hash' }],
      [agent, 'PolicyBypassed', { until: '2026-01-02T00:00:00Z', reason: 'incident', version: 2 }],
    ]);
    expect(await project(events, [100])).toEqual([
      {
        ...{ applied_version: 2n, applied_hash: hash('2'), rejected_version: 3n, rejected_code: 'hash' },
        ...{ bypassed: true, traffic_version: 2n, requests: 40n, denied: 10n, seq: 9n, had: 2n },
      },
    ]);
  });

  it('repro: counts no request without a known credential, which no policy was asked about', async () => {
    const agent = newId('agt');
    const events = await journal([
      [agent, 'UsageReported', usage(1, 'allowed', 30)],
      [agent, 'UsageReported', usage(1, 'denied', 500, 'none')],
      [agent, 'UsageReported', usage(1, 'denied', 2)],
      // They begin no version either.
      [agent, 'UsageReported', usage(2, 'denied', 500, 'none')],
    ]);
    expect(await project(events, [100])).toMatchObject([
      { traffic_version: 1n, requests: 32n, denied: 2n, seq: 4n },
    ]);
  });

  it('is the same however the entries are batched, and when they come again', async () => {
    const agents = Array.from({ length: 3 }, () => newId('agt'));
    const events = await journal(
      Array.from({ length: 40 }, (_, n) => {
        const agent = agents[n % 3] as string;
        const version = 1 + Math.floor(n / 7);
        if (n % 4 === 0) return [agent, 'PolicyApplied', { version, hash: hash(String(version)) }];
        if (n % 4 === 1)
          return [agent, 'PolicyRejected', { version, hash: hash(String(version)), code: 'older' }];
        return [agent, 'UsageReported', usage(version, n % 5 === 0 ? 'denied' : 'allowed', n)];
      }),
    );
    const whole = await project(events, [1_000]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        async (sizes) => expect(await project(events, sizes)).toEqual(whole),
      ),
      { numRuns: 10 },
    );
  });

  it('S10: lies in tables that only its organisation and the workers see', async () => {
    const owner = createSql({ url: database.url, applicationName: 'spec', max: 1 });
    expect(await tenancyViolations(owner)).toEqual([]);
    await closeSql(owner);
  });
});
