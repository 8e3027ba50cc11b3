import { agentPolicyView, convergenceCertificate, policyTargetPreview } from '@keyfleet/contracts/http';
import { deriveId } from '@keyfleet/platform';
import { policyDistributionMigrations, policyMigrations } from '@keyfleet/policy/read-model';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { Cursors, migrate, projectionsMigrations } from '@keyfleet/read-store';
import { livenessMigrations, registryMigrations } from '@keyfleet/registry/read-model';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import type { PolicyReads } from './policy-reads.js';
import { sqlPolicyReads } from './sql-policy-reads.js';

const [ORG, OTHER] = [deriveId('org', 'a'), deriveId('org', 'b')];
const [NEW_BUNDLE, OLD_BUNDLE] = ['a'.repeat(64), 'b'.repeat(64)];
const POLICY = deriveId('pol', 'one');
let database: TestDatabase;
let worker: Sql;
let reader: Sql;
let reads: PolicyReads;

beforeAll(async () => {
  database = await createTestDatabase();
  const projections = { owner: 'projections', migrations: projectionsMigrations };
  const sets = [registryMigrations, livenessMigrations, policyMigrations, policyDistributionMigrations];
  await migrate({ ownerUrl: database.url, sets: [projections, ...sets] });
  worker = createSql({ url: database.urlFor('kf_worker'), applicationName: 'spec', max: 2 });
  reader = createSql({ url: database.urlFor('kf_reader'), applicationName: 'spec', max: 2 });
  reads = sqlPolicyReads({ sql: reader, cursors: new Cursors('k'.repeat(32)) });
}, 90_000);

beforeEach(async () => {
  for (const table of [
    ...['registry.agents_v1', 'registry.agent_last_seen', 'registry.detection', 'registry.groups_v1'],
    ...['policy.desired', 'policy.agent_reports_v1', 'policy.certificates'],
  ])
    await worker.unsafe(`delete from ${table}`);
  await watching(true);
});

afterAll(async () => {
  await closeSql(worker);
  await closeSql(reader);
  await database.drop();
});

async function watching(watched: boolean): Promise<void> {
  await worker`
    insert into registry.detection (installation_id, watching) values ('ins_1', ${watched})
    on conflict (installation_id) do update set watching = excluded.watching, touched_at = clock_timestamp()`;
}

interface Given {
  readonly org?: string;
  readonly labels?: Record<string, string>;
  readonly revoked?: boolean;
  readonly state?: 'online' | 'offline' | 'new';
  /** Of the manifest it should have; there is none without. */
  readonly desired?: number;
  /** What its last beat said, at noon. */
  readonly beat?: readonly [version: number, hash: string];
  /** What it said it applied, at this hour. */
  readonly applied?: readonly [version: number, hash: string, hour: string];
  readonly rejected?: readonly [version: number, hash: string, code: string];
  readonly bypassedUntil?: string;
}

async function agent(name: string, given: Given = {}): Promise<void> {
  const row = { org: ORG, labels: {}, state: 'online', id: deriveId('agt', name), name, ...given } as const;
  await enrolled(row);
  await beaten(row);
  await wanted(row);
  await reported(row);
}

type Row = Given & { readonly org: string; readonly id: string; readonly name: string };
const AT = '2026-01-01T00:00:00Z';

async function enrolled({ org, id, name, labels, revoked }: Row): Promise<void> {
  await worker`
    insert into registry.agents_v1 (org_id, agent_id, name, nkey, labels, version, enrolled_at, certificate_expires_at,
      credentials_end_at, revoked_at, last_event_type, last_event_at, last_event_recorded_at, revision)
    values (${org}, ${id}, ${name}, 'U', ${JSON.stringify(labels)}::text::jsonb, '1.0.0', ${AT}, ${AT}, ${AT},
      ${revoked ? AT : null}, 'AgentEnrolled', ${AT}, ${AT}, 0)`;
}

async function beaten({ org, id, state, beat }: Row): Promise<void> {
  const [version, hash] = beat ?? NOTHING;
  await worker`
    insert into registry.agent_last_seen (agent_id, org_id, state, seen_at, policy_version, policy_hash)
    values (${id}, ${org}, ${state as string}, '2026-01-01T12:00:00Z', ${version}, ${hash})`;
}

async function wanted({ org, id, desired }: Row): Promise<void> {
  if (desired === undefined) return;
  const policies = JSON.stringify([{ policyId: POLICY, version: 3 }]);
  await worker`
    insert into policy.desired (agent_id, org_id, version, hash, bytes, policies, since)
    values (${id}, ${org}, ${desired}, ${NEW_BUNDLE}, 1, ${policies}::text::jsonb, '2026-01-01T11:00:00Z')`;
}

async function reported({ org, id, ...said }: Row): Promise<void> {
  const { applied = NOTHING, rejected = NOTHING, bypassedUntil = null } = said;
  const hour = applied[2] === null ? null : `2026-01-01T${applied[2]}:00:00Z`;
  await worker`
    insert into policy.agent_reports_v1 (agent_id, org_id, applied_version, applied_hash, applied_at, rejected_version,
      rejected_hash, rejected_code, bypassed_until, traffic_version, requests, denied, epoch, seq)
    values (${id}, ${org}, ${applied[0]}, ${applied[1]}, ${hour}, ${rejected[0]}, ${rejected[1]}, ${rejected[2]},
      ${bypassedUntil}, 0, 0, 0, 1, 1)`;
}

const NOTHING = [null, null, null] as const;

const list = (given: Partial<Parameters<PolicyReads['agentPolicies']>[1]> = {}) =>
  reads.agentPolicies(ORG, { limit: 50, ...given });
const states = async (given = {}) =>
  Object.fromEntries((await list(given)).items.map(({ name, state, reason }) => [name, [state, reason]]));

describe('what agents should decide by, and what they do', () => {
  it('is one of five states, with the reason', async () => {
    await agent('none', { beat: [1, OLD_BUNDLE] });
    await agent('has-it', { desired: 2, beat: [2, NEW_BUNDLE] });
    await agent('has-it-and-is-away', { desired: 2, beat: [2, NEW_BUNDLE], state: 'offline' });
    await agent('same-number', { desired: 2, beat: [2, OLD_BUNDLE] });
    await agent('not-yet', { desired: 2, beat: [1, OLD_BUNDLE] });
    await agent('refused', { desired: 2, beat: [1, OLD_BUNDLE], rejected: [2, NEW_BUNDLE, 'signature'] });
    await agent('refused-before', { desired: 3, beat: [1, OLD_BUNDLE], rejected: [2, OLD_BUNDLE, 'hash'] });
    await agent('away', { desired: 2, beat: [1, OLD_BUNDLE], state: 'offline' });
    await agent('never-seen', { desired: 1, state: 'new' });
    await agent('set-aside', { desired: 2, beat: [2, NEW_BUNDLE], bypassedUntil: '2999-01-01T00:00:00Z' });
    await agent('was-set-aside', {
      desired: 2,
      beat: [2, NEW_BUNDLE],
      bypassedUntil: '2026-01-01T00:00:00Z',
    });
    await agent('revoked', { desired: 2, revoked: true });
    expect(await states()).toEqual({
      none: ['none', null],
      'has-it': ['converged', null],
      'has-it-and-is-away': ['converged', null],
      'same-number': ['pending', 'not-yet'],
      'not-yet': ['pending', 'not-yet'],
      refused: ['rejected', 'signature'],
      'refused-before': ['pending', 'not-yet'],
      away: ['offline', 'offline'],
      'never-seen': ['offline', 'offline'],
      'set-aside': ['pending', 'set-aside'],
      'was-set-aside': ['converged', null],
    });
  });

  it('goes by what came later, the last beat or the word of the agent that it applied a bundle', async () => {
    await agent('newer-word', { desired: 2, beat: [1, OLD_BUNDLE], applied: [2, NEW_BUNDLE, '13'] });
    await agent('newer-beat', { desired: 2, beat: [1, OLD_BUNDLE], applied: [2, NEW_BUNDLE, '11'] });
    const { items } = await list();
    expect(items.map((item) => agentPolicyView.parse(item))).toEqual([
      expect.objectContaining({ name: 'newer-beat', actual: { version: 1, hash: OLD_BUNDLE } }),
      {
        ...{ agentId: deriveId('agt', 'newer-word'), name: 'newer-word', state: 'converged', reason: null },
        desired: { version: 2, hash: NEW_BUNDLE, since: '2026-01-01T11:00:00Z' },
        actual: { version: 2, hash: NEW_BUNDLE },
        policies: [{ policyId: POLICY, version: 3 }],
      },
    ]);
  });

  it('believes a beat that tells of no policy, as of an agent whose files are damaged', async () => {
    await agent('damaged', { desired: 2, applied: [2, NEW_BUNDLE, '11'] });
    expect(await states()).toEqual({ damaged: ['pending', 'not-yet'] });
  });

  it('calls nobody offline while we are blind ourselves', async () => {
    await agent('away', { desired: 2, state: 'offline' });
    await watching(false);
    expect(await states()).toEqual({ away: ['pending', 'not-yet'] });
  });

  it('comes in pages by name, narrowed by a filter or a policy', async () => {
    for (const name of ['c', 'a', 'b']) await agent(name, { desired: 2, beat: [1, OLD_BUNDLE] });
    await agent('d');
    await agent('e', { desired: 2, rejected: [2, NEW_BUNDLE, 'older'] });
    const first = await list({ limit: 2 });
    expect(first.items.map(({ name }) => name)).toEqual(['a', 'b']);
    const rest = await list({ limit: 10, cursor: first.nextCursor as string });
    expect(rest.items.map(({ name }) => name)).toEqual(['c', 'd', 'e']);
    const names = async (given: object) => (await list(given)).items.map(({ name }) => name);
    expect(await names({ filter: 'state = rejected' })).toEqual(['e']);
    expect(await names({ filter: 'reason = older OR name = d' })).toEqual(['d', 'e']);
    expect(await names({ filter: 'actual.version < 2' })).toEqual(['a', 'b', 'c']);
    expect(await names({ policy: POLICY })).toEqual(['a', 'b', 'c', 'e']);
    expect(await names({ policy: deriveId('pol', 'two') })).toEqual([]);
    await expect(names({ filter: 'state = lost' })).rejects.toMatchObject({ code: 'filter.invalid' });
  });

  it('S9: has no agent of others, nor what was wanted of them', async () => {
    await agent('theirs', { org: OTHER, desired: 2 });
    expect(await states()).toEqual({});
  });
});

describe('whom a target meets', () => {
  const preview = async (target: Parameters<PolicyReads['targetPreview']>[1]) => {
    const found = await reads.targetPreview(ORG, target);
    return found && policyTargetPreview.parse(found).items.map(({ name }) => name);
  };

  it('is every agent of the organisation, those a selector or group picks, or one', async () => {
    await agent('a', { labels: { env: 'prod', site: 'berlin' } });
    await agent('b', { labels: { env: 'test' } });
    await agent('c', { labels: { env: 'prod' } });
    await agent('gone', { labels: { env: 'prod' }, revoked: true });
    await agent('theirs', { labels: { env: 'prod' }, org: OTHER });
    const groupId = deriveId('grp', 'one');
    await worker`
      insert into registry.groups_v1 (org_id, group_id, name, selector, defined_at, revision)
      values (${ORG}, ${groupId}, 'one', 'NOT labels.env = prod', now(), 0)`;
    expect(await preview({ kind: 'organisation' })).toEqual(['a', 'b', 'c']);
    expect(await preview({ kind: 'selector', selector: 'labels.env = prod' })).toEqual(['a', 'c']);
    expect(await preview({ kind: 'selector', selector: 'labels.site != berlin' })).toEqual(['b', 'c']);
    expect(await preview({ kind: 'selector', selector: 'labels.site:*' })).toEqual(['a']);
    expect(await preview({ kind: 'group', groupId })).toEqual(['b']);
    expect(await preview({ kind: 'agent', agentId: deriveId('agt', 'c') })).toEqual(['c']);
    expect(await preview({ kind: 'agent', agentId: deriveId('agt', 'theirs') })).toEqual([]);
    expect(await reads.targetPreview(OTHER, { kind: 'group', groupId })).toBeNull();
    await expect(preview({ kind: 'selector', selector: 'state = online' })).rejects.toMatchObject({
      code: 'filter.invalid',
    });
  });

  it('counts them all and shows the first', async () => {
    for (let n = 0; n < 53; n += 1) await agent(`site-${String(n).padStart(2, '0')}`);
    const found = await reads.targetPreview(ORG, { kind: 'organisation' });
    expect(found).toMatchObject({ agents: 53 });
    expect(found?.items).toHaveLength(50);
    expect(found?.items.at(-1)?.name).toBe('site-49');
  });
});

it('counts who should decide by which version of a policy, without those revoked and those of others', async () => {
  await agent('a', { desired: 2 });
  await agent('b', { desired: 1 });
  await agent('c');
  await agent('gone', { desired: 1, revoked: true });
  await agent('theirs', { desired: 1, org: OTHER });
  const policyId = POLICY;
  const asked = [policyId, deriveId('pol', 'two')];
  expect(await reads.holders(ORG, asked)).toEqual([{ policyId, version: 3, agents: 2 }]);
  const [first] = await worker`select agent_id from policy.desired where org_id = ${ORG} order by agent_id`;
  const policies = JSON.stringify([
    { policyId, version: 2 },
    { policyId: asked[1], version: 1 },
  ]);
  await worker`
    update policy.desired set policies = ${policies}::text::jsonb where agent_id = ${first?.['agent_id'] as string}`;
  const found = await reads.holders(ORG, asked);
  expect(found.toSorted((one, other) => one.version - other.version)).toEqual([
    { policyId: asked[1], version: 1, agents: 1 },
    { policyId, version: 2, agents: 1 },
    { policyId, version: 3, agents: 1 },
  ]);
  expect(await reads.holders(ORG, asked.slice(1))).toHaveLength(1);
  expect(await reads.holders(OTHER, asked)).toEqual([{ policyId, version: 3, agents: 1 }]);
});

it('S9: a certificate is shown to its organisation alone', async () => {
  const id = 'c'.repeat(64);
  await worker`
    insert into policy.certificates
      (org_id, id, policy_id, version, at, text, key, signature, converged, divergent, agents)
    values (${ORG}, ${id}, ${POLICY}, 2, '2026-01-01T00:00:00Z', 'keyfleet.convergence.v1', 'U', 'S', 1, 0,
      ${JSON.stringify([{ agentId: deriveId('agt', 'a'), state: 'converged', actual: NEW_BUNDLE, reason: null }])}::text::jsonb)`;
  expect(convergenceCertificate.parse(await reads.certificate(ORG, id))).toMatchObject({
    policyId: POLICY,
    id,
  });
  expect(await reads.certificate(OTHER, id)).toBeNull();
});
