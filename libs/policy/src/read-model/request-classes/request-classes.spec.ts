import { deriveId, newId } from '@keyfleet/platform';
import { tenancyViolations } from '@keyfleet/read-store';
import fc from 'fast-check';
import { type Happening, type ReadModelWorld, readModelWorld } from '../testing/world.js';
import { requestClassesProjection } from './projection.js';
import { type RecordedRequests, recordedRequests } from './queries.js';
import type { RequestedClass } from './usage.js';

const [ORG, OTHER] = [deriveId('org', 'a'), deriveId('org', 'b')];
const START = Date.parse('2026-01-01T12:00:00.000Z');
const DAY = 86_400_000;
let world: ReadModelWorld;

beforeAll(async () => {
  world = await readModelWorld(requestClassesProjection);
}, 60_000);
beforeEach(async () => {
  await world.empty();
  world.clock.jumpTo(START);
});
afterAll(() => world.close());

const agentId = newId('agt');
const requested: RequestedClass = {
  ...{
    secret: 'team/app/db',
    action: 'read',
    principal: 'app:billing',
    groups: ['ops'],
    network: '10.0.0.0/24',
  },
  ...{ method: 'api-key', secondFactor: false, client: 'keyfleet-node/1' },
};
type Row = Partial<RequestedClass> & { outcome?: string; count?: number };

function usage(minute: number, rows: Row[], of = agentId, epoch = 1): Happening {
  const full = rows.map((row) => ({
    ...requested,
    outcome: 'allowed',
    policyVersion: null,
    count: 1,
    ...row,
  }));
  const data = { minute: new Date(minute).toISOString(), part: 1, rows: full };
  return [`journal-${of}.${epoch}`, 'UsageReported', data];
}

async function recorded(given: { since?: number; orgId?: string; pageSize?: number } = {}) {
  const found: RecordedRequests[] = [];
  const options = { sql: world.as('kf_worker'), orgId: ORG, since: START - 90 * DAY, ...given };
  for await (const page of recordedRequests(options)) found.push(...page);
  return found;
}

describe('recorded request classes', () => {
  it('count requests of one kind by the quarter of an hour, denied ones apart', async () => {
    await world.happen(ORG, [
      usage(START - 3_600_000, [{ count: 5 }, { outcome: 'denied', count: 2 }, { outcome: 'not-found' }]),
      usage(START - 3_600_000 + 14 * 60_000, [{ count: 10 }]),
      usage(START - 3_600_000 + 15 * 60_000, [{ count: 100 }]),
      usage(START - 3_600_000, [{ count: 7, principal: 'app:other' }]),
    ]);
    const found = (await recorded()).sort((a, b) => a.allowed - b.allowed);
    expect(found).toEqual([
      { ...requested, principal: 'app:other', agentId, minute: START - 3_600_000, allowed: 7, denied: 0 },
      { ...requested, agentId, minute: START - 3_600_000, allowed: 16, denied: 2 },
      { ...requested, agentId, minute: START - 3_600_000 + 15 * 60_000, allowed: 100, denied: 0 },
    ]);
    const [row] = await world.as('kf_worker')`
      select allowed, denied from policy.request_classes where class ->> 'principal' = 'app:billing'`;
    expect(row).toEqual({ allowed: 116n, denied: 2n });
  });

  it('are those since a moment, in pages that miss and repeat nothing', async () => {
    const days = [0, 1, 2, 3].map((day) => START - day * DAY - 3_600_000);
    const agents = [newId('agt'), newId('agt'), newId('agt')];
    await world.happen(
      ORG,
      days.flatMap((minute) => agents.map((of) => usage(minute, [{}, { secret: null }], of))),
    );
    expect(await recorded({ pageSize: 5 })).toHaveLength(24);
    expect(await recorded({ pageSize: 4, since: START - 1.5 * DAY })).toHaveLength(12);
    expect(await recorded({ since: START })).toEqual([]);
  });

  it('are nothing that no policy was asked about', async () => {
    await world.happen(ORG, [usage(START, [{ method: 'none', outcome: 'denied', principal: 'unknown' }])]);
    expect(await recorded()).toEqual([]);
  });

  it('are kept for 90 days by our clock, whatever an agent says of its own', async () => {
    await world.happen(ORG, [usage(START + 400 * DAY, [{}]), usage(START - 91 * DAY, [{}])]);
    expect((await recorded()).map(({ minute }) => minute)).toEqual([START]);
    world.clock.jumpTo(START + 90 * DAY);
    await world.happen(ORG, [usage(START + 90 * DAY, [{}])]);
    expect(await recorded()).toHaveLength(2);
    world.clock.jumpTo(START + 91 * DAY);
    await world.happen(ORG, [usage(START + 91 * DAY, [{}])]);
    expect((await recorded()).map(({ minute }) => minute)).toEqual([START + 90 * DAY, START + 91 * DAY]);
  });

  it('F13: count every report once, in whatever pieces reports come and however often', async () => {
    const agents = [newId('agt'), newId('agt')];
    const report = fc.record({
      agent: fc.constantFrom(...agents),
      epoch: fc.constantFrom(1, 2),
      quarter: fc.integer({ min: 0, max: 200 }),
      rows: fc.array(
        fc.record({
          count: fc.integer({ min: 1, max: 9 }),
          outcome: fc.constantFrom('allowed', 'denied', 'failed'),
          secret: fc.constantFrom('a/b', 'a/c', null),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(report, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (reports, size) => {
          await world.empty();
          world.clock.jumpTo(START);
          const minuteOf = (quarter: number) => START - quarter * 15 * 60_000;
          const events = await world.happen(
            ORG,
            reports.map(({ agent, epoch, quarter, rows }) => usage(minuteOf(quarter), rows, agent, epoch)),
          );
          const expected = new Map<string, [number, number]>();
          for (const { agent, quarter, rows } of reports)
            for (const { secret, outcome, count } of rows) {
              const key = JSON.stringify([agent, minuteOf(quarter), secret]);
              const [allowed, denied] = expected.get(key) ?? [0, 0];
              expected.set(key, outcome === 'denied' ? [allowed, denied + count] : [allowed + count, denied]);
            }
          const counted = async () =>
            new Map(
              (await recorded()).map((row) => [
                JSON.stringify([row.agentId, row.minute, row.secret]),
                [row.allowed, row.denied],
              ]),
            );
          expect(await counted()).toEqual(expected);
          await world.project(events);
          for (const table of ['request_classes', 'request_class_journals'])
            await world.as('kf_worker').unsafe(`delete from policy.${table}_v1`);
          for (let from = 0; from < events.length; from += size) {
            await world.project(events.slice(Math.max(0, from - 2), from + size));
            await world.project(events.slice(0, from));
          }
          expect(await counted()).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('S10: are seen by their organisation alone', async () => {
    await world.happen(OTHER, [usage(START, [{}])]);
    expect(await recorded()).toEqual([]);
    expect(await recorded({ orgId: OTHER })).toHaveLength(1);
    expect(await world.as('kf_reader')`select * from policy.request_classes`).toEqual([]);
    expect(await world.as('kf_reader')`select * from policy.request_class_journals`).toEqual([]);
    expect(await tenancyViolations(world.as('kf_owner'))).toEqual([]);
  });
});
