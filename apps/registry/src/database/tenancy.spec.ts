import * as analytics from '@keyfleet/analytics/read-model';
import * as identity from '@keyfleet/identity/read-model';
import * as policy from '@keyfleet/policy/read-model';
import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import { Cursors, tenancyViolations } from '@keyfleet/read-store';
import * as registry from '@keyfleet/registry/read-model';
import {
  ORGS,
  ROWS,
  rowsOfOrg,
  type TwoOrganisations,
  textOf,
  twoOrganisations,
} from './testing/two-organisations.js';

let world: TwoOrganisations;

beforeAll(async () => {
  world = await twoOrganisations();
}, 120_000);

afterAll(() => world?.close());

const cursors = new Cursors('k'.repeat(32));
const NOW = '2026-02-01T00:00:00.000Z';

interface Scope {
  readonly sql: Sql;
  readonly orgId: string;
}
type Ask = (scope: Scope) => Promise<unknown>;
const page = (scope: Scope) => ({ ...scope, cursors, limit: 50 });
const idsOfAll = (column: string): string[] =>
  ORGS.flatMap((_, org) => rowsOfOrg(org).map((row) => textOf(column, row)));

/** Every public question about an organisation; by the name of its function, so that none is forgotten. */
const QUESTIONS: Readonly<Record<string, readonly Ask[]>> = {
  listAgents: [
    (scope) => registry.listAgents(page(scope)),
    (scope) => registry.listAgents({ ...page(scope), sort: '-name', filter: 'NOT name = "nobody"' }),
    ...idsOfAll('agent_id').map(
      (id): Ask =>
        (scope) =>
          registry.listAgents({ ...page(scope), filter: `id = "${id}"` }),
    ),
  ],
  getAgent: idsOfAll('agent_id').map(
    (id): Ask =>
      (scope) =>
        registry.getAgent(scope, id),
  ),
  getAgents: [(scope) => registry.getAgents(scope, idsOfAll('agent_id'))],
  countAgentsByState: [(scope) => registry.countAgentsByState(scope)],
  listEnrolmentTokens: [
    (scope) => registry.listEnrolmentTokens({ ...page(scope), now: NOW }),
    (scope) =>
      registry.listEnrolmentTokens({ ...page(scope), now: NOW, filter: 'issuedAt < "2030-01-01T00:00:00Z"' }),
  ],
  listGroups: [
    (scope) => registry.listGroups(page(scope)),
    (scope) => registry.listGroups({ ...page(scope), filter: 'NOT name = "nobody"' }),
  ],
  listApiTokens: [(scope) => identity.listApiTokens(page(scope))],
  listEvents: [
    (scope) => analytics.listEvents(page(scope)),
    ...idsOfAll('agent_id').map(
      (agentId): Ask =>
        (scope) =>
          analytics.listEvents({ ...page(scope), agentId }),
    ),
    (scope) => analytics.listEvents({ ...page(scope), from: '2026-01-01T00:00:00Z', to: NOW }),
  ],
  agentsAsOf: [
    (scope) => analytics.agentsAsOf({ ...page(scope), asOf: NOW }),
    (scope) => analytics.agentsAsOf({ ...page(scope), asOf: NOW, filter: 'state = online' }),
  ],
  listPolicies: [
    (scope) => policy.listPolicies(page(scope)),
    (scope) => policy.listPolicies({ ...page(scope), filter: 'NOT name = "nobody"' }),
  ],
  getPolicy: idsOfAll('policy_id').map(
    (id): Ask =>
      (scope) =>
        policy.getPolicy(scope, id),
  ),
  getPolicyStandings: [(scope) => policy.getPolicyStandings(scope, idsOfAll('policy_id'))],
  listPolicyVersions: idsOfAll('policy_id').map(
    (policyId): Ask =>
      (scope) =>
        policy.listPolicyVersions({ ...page(scope), policyId }),
  ),
  getPolicyVersion: idsOfAll('policy_id').map(
    (id, row): Ask =>
      (scope) =>
        policy.getPolicyVersion(scope, id, row + 1),
  ),
};
const ALL = Object.values(QUESTIONS).flat();

/** Facts of the installation, which every organisation may read. */
const OF_THE_INSTALLATION = [
  'analytics.installation_events_v1',
  'registry.detection',
  'registry.detection_now',
];

interface Statement {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/** The one statement a question runs, and its rows as `kf_reader`. */
async function asked(ask: Ask, orgId: string): Promise<{ statement: Statement; rows: unknown[] }> {
  const seen: Statement[] = [];
  const sql = new Proxy(world.as('kf_reader'), {
    get: (target, key) =>
      key === 'unsafe'
        ? (text: string, parameters: unknown[], options: object) => {
            seen.push({ text, parameters });
            return target.unsafe(text, parameters as never[], options);
          }
        : Reflect.get(target, key),
  });
  await ask({ sql, orgId });
  const [statement] = seen;
  if (!statement || seen.length > 1) throw new Error(`${seen.length} statements where one was expected`);
  return { statement, rows: await run(world.as('kf_reader'), statement) };
}

async function run(sql: Executor, { text, parameters }: Statement): Promise<unknown[]> {
  return [...(await sql.unsafe(text, parameters as never[]))];
}

const OWN_ROWS = /(?:"?\w+"?\.)?"?org_id"? = ctx\.org/g;

/** The question without its scope: the plain query, for the organisation named here, or for none at all. */
function plain({ text, parameters }: Statement, orgId: string | null): Statement {
  const inner = text.slice(text.indexOf('lateral (') + 'lateral ('.length, text.lastIndexOf(' offset 0'));
  const scoped =
    orgId === null ? inner.replaceAll(OWN_ROWS, 'true') : inner.replaceAll('ctx.org', `'${orgId}'`);
  if (scoped === inner || scoped.includes('ctx.org')) throw new Error(`no scope in ${inner}`);
  return {
    text: scoped.replace(/\$(\d+)/g, (_match, n: string) => `$${Number(n) - 1}`),
    parameters: parameters.slice(1),
  };
}

/** In a transaction of its own with SET LOCAL, as `kf_reader`. */
function classic(statement: Statement, orgId: string): Promise<unknown[]> {
  return transaction(world.as('kf_reader'), async (tx) => {
    await tx.unsafe(`set local app.org = '${orgId}'`);
    return run(tx, statement);
  });
}

/** As a set: a query without its condition may find facts of the installation on both of its ways. */
const distinct = (rows: readonly unknown[]): string[] =>
  [
    ...new Set(
      rows.map((row) =>
        JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      ),
    ),
  ].sort();

const INSTALLATION = textOf('agent_id', ORGS.length * ROWS);
/** Rows that belong to an organisation, and not to the installation. */
const ofOrganisations = (rows: readonly unknown[]): string[] =>
  distinct(rows).filter((row) => !row.includes(INSTALLATION));

describe('the tenancy catalogue', () => {
  it('S10: finds no organisation table without forced row security, and no other hole, in all that is ever migrated', async () => {
    expect(
      await tenancyViolations(world.as('kf_owner'), { installationTables: OF_THE_INSTALLATION }),
    ).toEqual([]);
    expect(world.tables.length).toBeGreaterThan(10);
  });

  it('S10: shows, of every organisation table, a reader its own rows, and none without a scope', async () => {
    const readable: string[] = [];
    for (const table of world.tables) {
      const [right] = await world.as('superuser')`
        select has_any_column_privilege('kf_reader', ${table}, 'select') as any, has_column_privilege('kf_reader', ${table}, 'org_id', 'select') as org`;
      if (!right?.['any']) continue;
      expect([table, right['org']]).toEqual([table, true]);
      readable.push(table);
      const query = { text: `select org_id from ${table}`, parameters: [] };
      expect(await run(world.as('kf_reader'), query)).toEqual([]);
      for (const org of ORGS) {
        const found = (await classic(query, org)) as { org_id: string | null }[];
        const all = (await run(world.as('superuser'), query)) as { org_id: string | null }[];
        const own = all.filter(({ org_id }) => org_id === org);
        expect(own.length).toBeGreaterThan(0);
        expect([table, found.filter(({ org_id }) => org_id !== null)]).toEqual([table, own]);
      }
    }
    console.log(
      `${readable.length} of ${world.tables.length} organisation tables are open to the reader: ${readable.join(', ')}`,
    );
    expect(readable).toEqual(expect.arrayContaining(['registry.agents_v1', 'identity.api_tokens_v1']));
  });
});

describe('every question about an organisation', () => {
  it('is in the list these tests walk through', () => {
    const exported = [registry, analytics, identity, policy].flatMap((module) => Object.keys(module));
    expect(exported.filter((name) => /^(?:list|get|count|find|search)[A-Z]|AsOf$/.test(name)).sort()).toEqual(
      Object.keys(QUESTIONS).sort(),
    );
  });

  it('S10: answers as the same query in a transaction with SET LOCAL', async () => {
    let compared = 0;
    for (const org of ORGS) {
      for (const ask of ALL) {
        const { statement, rows } = await asked(ask, org);
        expect(rows).toEqual(await classic(plain(statement, org), org));
        compared += rows.length;
      }
    }
    console.log(`${ALL.length * ORGS.length} answers compared, ${compared} rows`);
    expect(compared).toBeGreaterThan(ALL.length);
  });

  it('S9: finds nothing of another organisation, whatever ids it is asked for', async () => {
    for (const [own, org] of ORGS.entries()) {
      const foreign = rowsOfOrg(1 - own).map((row) => `-${row}"`);
      for (const ask of ALL) {
        const { rows } = await asked(ask, org);
        const text = JSON.stringify(distinct(rows)).replaceAll('\\', '');
        expect([text, foreign.some((end) => text.includes(end))]).toEqual([text, false]);
      }
    }
  });
});

describe('with one wall gone', () => {
  const each = async (
    check: (question: { statement: Statement; rows: unknown[]; org: string; other: string }) => Promise<void>,
  ) => {
    for (const [own, org] of ORGS.entries()) {
      for (const ask of ALL) {
        const other = ORGS[1 - own] as string;
        await check({ ...(await asked(ask, org)), org, other });
      }
    }
  };

  it('S9: the guard: a query for another organisation than the one in scope answers nothing of either', async () => {
    await each(async ({ statement, org, other }) => {
      expect(ofOrganisations(await classic(plain(statement, other), org))).toEqual([]);
    });
  });

  it('S9: the query’s own condition: row security gives the same rows', async () => {
    await each(async ({ statement, rows, org }) => {
      expect(distinct(await classic(plain(statement, null), org))).toEqual(distinct(rows));
    });
  });

  it('S9: row security: the query’s own condition gives the same rows', async () => {
    await each(async ({ statement, rows }) => {
      expect(await run(world.as('superuser'), statement)).toEqual(rows);
    });
  });

  it('S9: and with two gone these tests see the others’ rows', async () => {
    let seen = 0;
    await each(async ({ statement, rows }) => {
      const open = distinct(await run(world.as('superuser'), plain(statement, null)));
      if (distinct(rows).join() !== open.join()) seen += 1;
    });
    // A question for one id of one's own is the only one that does not notice.
    const noticing = ALL.length * ORGS.length - seen;
    expect(noticing).toBeLessThanOrEqual(6 * ROWS * ORGS.length);
    expect(seen).toBeGreaterThan(ALL.length / 2);
  });
});
