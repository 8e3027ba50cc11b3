import type { IdentityEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import { deriveId } from '@keyfleet/platform';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import { migrate, physicalName, projectionsMigrations, tenancyViolations } from '@keyfleet/read-store';
import { createTestDatabase, type DatabaseRole, type TestDatabase } from '@keyfleet/testing';
import fc from 'fast-check';
import { authQueries } from '../auth/auth-queries.js';
import { identityMigrations } from '../migrations.js';
import { applyToDirectory } from './apply.js';
import { directoryProjection } from './projection.js';

const [A, B] = [deriveId('org', 'a'), deriveId('org', 'b')];
const USER = deriveId('usr', 'one');
const TABLES = directoryProjection.tables.map(({ name }) => name);

let database: TestDatabase;
const pools = new Map<DatabaseRole, Sql>();
const as = (role: DatabaseRole): Sql => {
  const pool = pools.get(role) ?? createSql({ url: database.urlFor(role), applicationName: 'test', max: 2 });
  pools.set(role, pool);
  return pool;
};

beforeAll(async () => {
  database = await createTestDatabase();
  const sets = [{ owner: 'projections', migrations: projectionsMigrations }, identityMigrations];
  await migrate({ ownerUrl: database.url, sets });
}, 60_000);

afterAll(async () => {
  await Promise.all([...pools.values()].map((pool) => closeSql(pool, 1_000)));
  await database.drop();
});

type Fact = IdentityEvent & { readonly orgId: string };

/** A history in the order it happened; each fact in the stream it belongs to. */
function record(facts: readonly Fact[]): RecordedEvent[] {
  const revisions = new Map<string, bigint>();
  return facts.map(({ orgId, ...fact }, index) => {
    const stream = streamOf(fact);
    const revision = (revisions.get(stream) ?? -1n) + 1n;
    revisions.set(stream, revision);
    const at = new Date(Date.parse('2026-01-01T00:00:00Z') + index * 1_000).toISOString();
    return {
      ...fact,
      id: deriveId('evt', String(index)),
      stream,
      revision,
      position: String(index + 1),
      recordedAt: at,
      metadata: { orgId, actor: USER, at },
    };
  });
}

function streamOf({ data }: IdentityEvent): string {
  if ('tokenId' in data) return `apitoken-${data.tokenId}`;
  return 'orgId' in data ? `organisation-${data.orgId}` : `user-${(data as { userId: string }).userId}`;
}

const created = (orgId: string, slug: string): Fact => ({
  type: 'OrganisationCreated',
  v: 1,
  data: { orgId, slug, name: slug },
  orgId,
});
const granted = (orgId: string, userId: string, role: string): Fact => ({
  type: 'MembershipGranted',
  v: 1,
  data: { orgId, userId, role },
  orgId,
});
const issued = (orgId: string, tokenId: string): Fact => ({
  type: 'ApiTokenIssued',
  v: 1,
  data: {
    orgId,
    tokenId,
    name: 'ci',
    secretHash: deriveId('evt', tokenId)
      .replaceAll(/[^0-9a-f]/g, '')
      .padEnd(64, '0'),
    permissions: ['agents:read'],
    expiresAt: null,
  },
  orgId,
});
const active = (userId: string): Fact => ({ type: 'UserActivated', v: 1, data: { userId }, orgId: A });

const apply = (events: readonly RecordedEvent[]) =>
  transaction(as('kf_identity'), (tx) => applyToDirectory(events, { tx, table: (name) => name }));

/** As the projector does: by worker, into the tables of its version. */
const project = (events: readonly RecordedEvent[]) =>
  transaction(as('kf_worker'), (tx) =>
    directoryProjection.apply(events, {
      tx,
      table: (name) => physicalName(name, directoryProjection.version),
    }),
  );

async function rows(): Promise<string> {
  const all: unknown[] = [];
  for (const table of TABLES)
    all.push(await as('kf_identity').unsafe(`select to_jsonb(t)::text as row from ${table} t order by 1`));
  return JSON.stringify(all);
}

async function empty(): Promise<void> {
  for (const table of TABLES) await as('kf_identity').unsafe(`delete from ${table}`);
}

describe('the directory', () => {
  it('is the same whatever commands wrote before the projection came along, and in whichever order', async () => {
    const tokens = ['t1', 't2'].map((name) => deriveId('tok', name));
    const steps: fc.Arbitrary<Fact> = fc.oneof(
      fc
        .tuple(fc.constantFrom(A, B), fc.constantFrom('u1', 'u2'), fc.constantFrom('viewer', 'owner'))
        .map(([orgId, name, role]) => granted(orgId, deriveId('usr', name), role)),
      fc.tuple(fc.constantFrom(A, B), fc.constantFrom('u1', 'u2')).map(
        ([orgId, name]): Fact => ({
          type: 'MembershipRevoked',
          v: 1,
          data: { orgId, userId: deriveId('usr', name) },
          orgId,
        }),
      ),
      fc
        .constantFrom('u1', 'u2')
        .chain((name) =>
          fc
            .constantFrom('UserActivated' as const, 'UserDisabled' as const)
            .map((type): Fact => ({ type, v: 1, data: { userId: deriveId('usr', name) }, orgId: A })),
        ),
      fc.constantFrom(A, B).map(
        (orgId): Fact => ({
          type: 'RoleDefined',
          v: 1,
          data: { orgId, role: 'auditor', permissions: [] },
          orgId,
        }),
      ),
      fc
        .constantFrom(...tokens)
        .map((tokenId): Fact => ({ type: 'ApiTokenRevoked', v: 1, data: { tokenId, orgId: A }, orgId: A })),
      fc.constant<Fact>({ type: 'OrganisationSuspended', v: 1, data: { orgId: B }, orgId: B }),
    );
    const begin = [created(A, 'a-org'), created(B, 'b-org'), ...tokens.map((id) => issued(A, id))];
    const histories = fc.array(steps, { maxLength: 12 }).map((facts) => record([...begin, ...facts]));
    const runs = histories.chain((events) => fc.tuple(fc.constant(events), fc.shuffledSubarray(events)));
    await fc.assert(
      fc.asyncProperty(runs, async ([events, early]) => {
        await empty();
        await project(events);
        const expected = await rows();
        await empty();
        for (const event of early) await apply([event]);
        await project(events);
        expect(await rows()).toBe(expected);
        await project(events);
        expect(await rows()).toBe(expected);
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it('gives the permissions of built-in roles and of the organisation’s own', async () => {
    await empty();
    const auditor = {
      type: 'RoleDefined',
      v: 1,
      data: { orgId: A, role: 'auditor', permissions: ['events:read'] },
      orgId: A,
    } as const satisfies Fact;
    const guest = deriveId('usr', 'guest');
    await apply(
      record([
        created(A, 'a-org'),
        auditor,
        granted(A, USER, 'auditor'),
        granted(A, guest, 'viewer'),
        active(USER),
        active(guest),
      ]),
    );
    const queries = authQueries(as('kf_auth'));
    await expect(queries.permissionsOf(USER, A)).resolves.toEqual(['events:read']);
    await expect(queries.permissionsOf(guest, A)).resolves.toContain('agents:read');
    await expect(queries.permissionsOf(USER, B)).resolves.toBeNull();
  });
});

describe('who may read identity', () => {
  const denied = { code: '42501' };

  beforeAll(async () => {
    await empty();
    const [tokenA, tokenB] = [deriveId('tok', 'a'), deriveId('tok', 'b')];
    await apply(
      record([
        created(A, 'a-org'),
        created(B, 'b-org'),
        granted(A, USER, 'owner'),
        granted(B, USER, 'owner'),
        active(USER),
        issued(A, tokenA),
        issued(B, tokenB),
      ]),
    );
  });

  it('S10: the catalogue knows of no way round row security', async () => {
    expect(await tenancyViolations(as('kf_owner'))).toEqual([]);
  });

  it('S10: the gateway’s role for sign-in has no right to any table, only to answers by exact key', async () => {
    const tables = [...TABLES, 'identity.people', 'identity.sessions', 'identity.slug_claims'];
    for (const table of tables)
      await expect(as('kf_auth').unsafe(`select 1 from ${table}`)).rejects.toMatchObject(denied);
    await expect(
      as('kf_auth').unsafe(`delete from ${physicalName('identity.users', 1)}`),
    ).rejects.toMatchObject(denied);
    const queries = authQueries(as('kf_auth'));
    await expect(queries.findOrganisation('%')).resolves.toBeNull();
    await expect(queries.findOrganisation('a-org')).resolves.toMatchObject({ id: A });
    await expect(queries.organisationsOf(USER)).resolves.toHaveLength(2);
  });

  it('S10: workers have no way to people and sessions', async () => {
    for (const table of ['identity.people', 'identity.sessions', 'identity.slug_claims'])
      await expect(as('kf_worker').unsafe(`select 1 from ${table}`)).rejects.toMatchObject(denied);
  });

  it('S10: readers see their organisation, nothing without one, and never a hash', async () => {
    const reader = as('kf_reader');
    const orgTables = ['organisations', 'memberships', 'roles', 'api_tokens'].map(
      (name) => `identity.${name}`,
    );
    for (const table of orgTables) expect(await reader.unsafe(`select * from ${table}`)).toEqual([]);
    await transaction(reader, async (tx) => {
      await tx`select set_config('app.org', ${A}, true)`;
      for (const table of orgTables) {
        const seen = await tx.unsafe(`select org_id from ${table}`);
        expect(seen.every((row) => row.org_id === A)).toBe(true);
      }
      expect(await tx`select * from identity.api_tokens`).toHaveLength(1);
    });
    await expect(reader`select * from identity.api_token_secrets`).rejects.toMatchObject(denied);
    await expect(reader`select * from identity.people`).rejects.toMatchObject(denied);
  });
});
