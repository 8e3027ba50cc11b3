import { policyDiff, policyTemplateView } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import { testRedis } from '@keyfleet/testing';
import { Redis } from 'ioredis';
import {
  AGENT,
  FOREIGN_ORG,
  type GatewayDouble,
  gatewayDouble,
  ORG,
  OWNER,
  SESSION,
  VIEWER_SESSION,
} from '../testing/double.js';
import { POLICY, summaryOf } from '../testing/policy.js';

let redis: Redis;
let gateway: GatewayDouble;

beforeAll(async () => {
  redis = new Redis((await testRedis()).url);
  gateway = await gatewayDouble(redis);
  await gateway.app.getHttpAdapter().getInstance().ready();
}, 60_000);

afterAll(async () => {
  await gateway.app.close();
  redis.disconnect();
});

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
interface Given {
  readonly payload?: object;
  readonly headers?: Record<string, string>;
  readonly session?: string;
  readonly org?: string;
}

const ask = (method: Method, path: string, given: Given = {}) => {
  const { payload, headers, session = SESSION, org = ORG.slug } = given;
  return gateway.app.inject({
    ...{ method, url: `/api/v1/orgs/${org}/policies${path}`, cookies: { keyfleet_session: session } },
    ...(payload ? { payload } : {}),
    ...(headers ? { headers } : {}),
  });
};

const statement = { id: 'reads', effect: 'allow', principals: ['*'], actions: ['read'], resources: ['**'] };
const content = { document: { statements: [statement] } };
const one = `/${POLICY.id}`;
const hash = 'ab'.repeat(32);

describe('policies over REST', () => {
  it('are read from the read model, with the ETag a write insists on', async () => {
    expect((await ask('GET', '')).json()).toEqual({ items: [summaryOf(POLICY)], nextCursor: null });
    const found = await ask('GET', one);
    expect(found.json()).toEqual(POLICY);
    expect(found.headers['etag']).toBe('W/"6"');
    const stale = await ask('GET', one, { headers: { 'keyfleet-position': '8' } });
    expect(stale.headers['keyfleet-stale']).toBe('true');
    expect((await ask('GET', `/${newId('pol')}`)).json().code).toBe('resource.not-found');
    expect((await ask('GET', `${one}/versions/1`)).json()).toMatchObject({ version: 1 });
    expect((await ask('GET', `${one}/versions/2`)).statusCode).toBe(404);
    expect((await ask('GET', `/${newId('pol')}/versions`)).statusCode).toBe(404);
    expect((await ask('GET', `/certificates/${hash}`)).statusCode).toBe(404);
    expect((await ask('GET', '/agents?filter=state%20%3D%20rejected')).json().items).toEqual([]);
  });

  it.each<[Method, string, object | undefined, string, object, number]>([
    ['POST', '', { name: 'A', content }, 'draft', { name: 'A', content }, 201],
    [
      'PUT',
      `${one}/draft`,
      { name: 'A', content },
      'draft',
      { policyId: POLICY.id, name: 'A', content },
      200,
    ],
    [
      'PUT',
      `${one}/draft`,
      { name: 'A', content, replaces: hash },
      'draft',
      { policyId: POLICY.id, name: 'A', content, replaces: hash },
      200,
    ],
    [
      'PUT',
      `${one}/draft`,
      { name: 'A', content, replaces: null },
      'draft',
      { policyId: POLICY.id, name: 'A', content, replaces: null },
      200,
    ],
    ['DELETE', `${one}/draft`, undefined, 'discard-draft', { policyId: POLICY.id }, 204],
    ['DELETE', `${one}/draft?hash=${hash}`, undefined, 'discard-draft', { policyId: POLICY.id, hash }, 204],
    [
      'POST',
      `${one}/draft/review-requests`,
      {},
      'request-review',
      { policyId: POLICY.id, comment: null },
      204,
    ],
    [
      'POST',
      `${one}/draft/reviews`,
      { hash, verdict: 'approved' },
      'review',
      { policyId: POLICY.id, hash, verdict: 'approved', comment: null },
      204,
    ],
    ['POST', `${one}/publish`, { restore: 1 }, 'publish', { policyId: POLICY.id, restore: 1 }, 200],
    ['POST', `${one}/publish`, { hash }, 'publish', { policyId: POLICY.id, hash }, 200],
    ['POST', `${one}/retire`, undefined, 'retire', { policyId: POLICY.id }, 204],
    [
      'POST',
      `${one}/assignments`,
      { target: { kind: 'organisation' } },
      'assign',
      { policyId: POLICY.id, target: { kind: 'organisation' } },
      201,
    ],
    [
      'DELETE',
      `${one}/assignments/all`,
      undefined,
      'unassign',
      { policyId: POLICY.id, assignmentId: 'all' },
      204,
    ],
    [
      'POST',
      `${one}/rollout`,
      { action: 'pause' },
      'control-rollout',
      { policyId: POLICY.id, action: 'pause' },
      204,
    ],
    [
      'POST',
      `${one}/versions/1/certificates`,
      undefined,
      'certify',
      { policyId: POLICY.id, version: 1 },
      201,
    ],
  ])('%s policies%s is one command, at the revision and under the key the caller names', async (...row) => {
    const [method, path, payload, command, data, status] = row;
    const headers = { 'if-match': 'W/"6"', 'idempotency-key': 'once' };
    const answers = [
      await ask(method, path, { payload, headers }),
      await ask(method, path, { payload, headers }),
    ];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([status, status]);
    expect(answers[0]?.headers).toMatchObject({ 'keyfleet-position': '42', etag: 'W/"4"' });
    const [first, second] = gateway.sent.slice(-2);
    expect(first).toMatchObject({
      subject: `kf.svc.policy.${command}`,
      data,
      meta: { actor: OWNER, orgId: ORG.id, ifMatch: '6', bodyHash: expect.any(String) },
    });
    expect(first?.data).toEqual(data);
    expect(second?.meta.commandId).toBe(first?.meta.commandId);
  });

  it('gives what takes its time half a minute', async () => {
    for (const [path, payload] of [
      ['/check', { content }],
      ['/replay', { content: { text: 'statements: []' } }],
      ['/who-can', { path: 'team/app' }],
    ] as const) {
      const answer = await ask('POST', path, { payload, session: VIEWER_SESSION });
      expect([path, answer.statusCode]).toEqual([path, 200]);
      expect(gateway.sent.at(-1)).toMatchObject({
        subject: `kf.svc.policy${path.replace('/', '.')}`,
        options: { timeoutMs: 30_000 },
      });
    }
  });

  it('says whom an assignment would meet, and writes nothing', async () => {
    const before = gateway.sent.length;
    const dry = (target: object, path = one) =>
      ask('POST', `${path}/assignments?dryRun=true`, { payload: { target } });
    const answer = await dry({ kind: 'selector', selector: 'labels.env = prod' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ agents: 1, items: [{ id: AGENT.id, name: AGENT.name }] });
    expect((await dry({ kind: 'group', groupId: newId('grp') })).statusCode).toBe(404);
    expect((await dry({ kind: 'organisation' }, `/${newId('pol')}`)).statusCode).toBe(404);
    expect((await dry({ kind: 'everybody' })).json().code).toBe('request.invalid');
    expect(gateway.sent.length).toBe(before);
  });

  it('compares a version with the draft, as text and statement by statement', async () => {
    const diff = policyDiff.parse((await ask('GET', `${one}/diff?from=1`)).json());
    expect(diff).toMatchObject({ from: { version: 1 }, to: { version: null } });
    expect([diff.added, diff.removed, diff.changed]).toEqual([['new'], ['old'], ['reads']]);
    expect(diff.from.text).toContain('- team/app/**');
    expect((await ask('GET', `${one}/diff?from=1&to=1`)).json().changed).toEqual([]);
    expect((await ask('GET', `${one}/diff?from=2`)).statusCode).toBe(404);
    expect((await ask('GET', `${one}/diff`)).json().code).toBe('request.invalid');
  });

  it('repro-versions-bytes: lists few versions in one answer, for each comes with its document', async () => {
    for (const query of ['', '?limit=20', '?limit=200']) {
      const answer = await ask('GET', `${one}/versions${query}`);
      expect([query, answer.statusCode, answer.json().items.length]).toEqual([query, 200, 20]);
      expect(answer.json().nextCursor).toBe('c');
    }
    expect((await ask('GET', `${one}/versions?limit=3`)).json().items).toHaveLength(3);
    for (const limit of ['0', '201', 'all'])
      expect((await ask('GET', `${one}/versions?limit=${limit}`)).json().code).toBe('request.invalid');
  });

  it('offers templates, which is no name of a policy', async () => {
    const { items } = (await ask('GET', '/templates')).json();
    expect(items.map((item: unknown) => policyTemplateView.parse(item).id)).toContain('two-person');
  });

  it('takes policies that are larger than any other body, up to what the broker carries', async () => {
    const large = { name: 'A', content: { text: `# ${'x'.repeat(600_000)}` } };
    expect((await ask('POST', '', { payload: large })).statusCode).toBe(201);
    expect((await ask('PUT', `${one}/draft`, { payload: large })).statusCode).toBe(200);
    const tooLarge = { ...large, name: 'x'.repeat(500_000) };
    expect((await ask('POST', '', { payload: tooLarge })).json().code).toBe('request.too-large');
    expect((await ask('POST', `${one}/rollout`, { payload: large })).json().code).toBe('request.too-large');
  });

  it('lets a viewer look and nobody publish without the permission', async () => {
    const viewer = { session: VIEWER_SESSION };
    expect((await ask('GET', one, viewer)).statusCode).toBe(200);
    const refused = await ask('POST', `${one}/publish`, { ...viewer, payload: {} });
    expect([refused.statusCode, refused.json().detail]).toEqual([
      403,
      expect.stringContaining('policies:publish'),
    ]);
    const written = await ask('POST', '', { ...viewer, payload: { name: 'A', content } });
    expect(written.json().detail).toContain('policies:write');
  });

  it('S9: has nothing for an organisation one does not belong to', async () => {
    for (const path of ['', one, `${one}/versions`, '/agents', '/templates'])
      expect([path, (await ask('GET', path, { org: FOREIGN_ORG.slug })).statusCode]).toEqual([path, 404]);
  });
});

describe('policies over GraphQL', () => {
  const graphql = async (query: string, variables: object = {}, session = SESSION) => {
    const payload = { query, variables };
    const cookies = { keyfleet_session: session };
    const answer = await gateway.app.inject({ method: 'POST', url: '/api/graphql', payload, cookies });
    return answer.json();
  };
  const variables = { org: ORG.slug, id: POLICY.id };

  it('are answered from the same reads', async () => {
    const { data } = await graphql(
      `query ($org: String!, $id: ID!) { org(slug: $org) {
        policies(first: 5) { edges { node { id name state rollout hasDraft } } }
        policy(id: $id) { published { version document } draft { draft review { state } } assignmentList { target }
          rolloutDetail { state wave plan } }
        agentPolicies(policy: $id, filter: "state = rejected") { edges { node { agentId reason } } }
        policyTarget(target: { kind: "organisation" }) { agents items { name } }
      } }`,
      variables,
    );
    const { id, name, state, rollout, hasDraft, published, rolloutDetail } = POLICY;
    expect(data.org).toMatchObject({
      policies: { edges: [{ node: { id, name, state, rollout, hasDraft } }] },
      policy: { published: { version: 1, document: published?.document }, draft: { draft: 2, review: null } },
      agentPolicies: { edges: [] },
      policyTarget: { agents: 1, items: [{ name: AGENT.name }] },
    });
    expect(data.org.policy.rolloutDetail.plan).toEqual(rolloutDetail?.plan);
    const absent = await graphql(
      'query ($org: String!) { org(slug: $org) { policy(id: "pol_x") { id } } }',
      variables,
    );
    expect(absent.data.org.policy).toBeNull();
  });

  it.each([
    ['draftPolicy(org: $org, input: { name: "A", text: "x" }) { position }', 'draft'],
    ['draftPolicy(org: $org, input: { id: $id, name: "A", text: "x" }) { position }', 'draft'],
    ['discardPolicyDraft(org: $org, id: $id) { position }', 'discard-draft'],
    ['requestPolicyReview(org: $org, id: $id) { position }', 'request-review'],
    [
      `reviewPolicy(org: $org, id: $id, input: { hash: "${hash}", verdict: "rejected" }) { position }`,
      'review',
    ],
    ['publishPolicy(org: $org, id: $id, input: { restore: 2 }) { position }', 'publish'],
    ['publishPolicy(org: $org, id: $id) { position }', 'publish'],
    ['retirePolicy(org: $org, id: $id) { position }', 'retire'],
    ['assignPolicy(org: $org, id: $id, target: { kind: "organisation" }) { position }', 'assign'],
    ['unassignPolicy(org: $org, id: $id, assignmentId: "all") { position }', 'unassign'],
    ['controlRollout(org: $org, id: $id, action: "halt") { position }', 'control-rollout'],
  ])('%s is the same command as over REST', async (field, command) => {
    const asked = `mutation ($org: String!${field.includes('$id') ? ', $id: ID!' : ''}) { ${field} }`;
    await graphql(asked, variables);
    const sent = gateway.sent.at(-1);
    expect(sent).toMatchObject({
      subject: `kf.svc.policy.${command}`,
      meta: { orgId: ORG.id, actor: OWNER },
    });
    const refused = await graphql(asked, variables, VIEWER_SESSION);
    expect(refused.errors[0].extensions.code).toBe('auth.forbidden');
    expect(gateway.sent.at(-1)).toBe(sent);
  });

  it.each([
    ['draftPolicy', '{ id: $id, name: "A", text: "x" }', undefined],
    ['draftPolicy', '{ id: $id, name: "A", text: "x", replaces: null }', { replaces: null }],
    ['draftPolicy', `{ id: $id, name: "A", text: "x", replaces: "${hash}" }`, { replaces: hash }],
    ['publishPolicy', `{ hash: "${hash}" }`, { hash }],
    ['publishPolicy', '{ hash: null }', undefined],
    ['discardPolicyDraft', `"${hash}"`, { hash }],
    ['discardPolicyDraft', 'null', undefined],
  ])('%s(input: %s) says what was seen as REST does', async (name, input, said) => {
    const id = name === 'draftPolicy' ? '' : 'id: $id, ';
    const given = `${name === 'discardPolicyDraft' ? 'hash' : 'input'}: ${input}`;
    const { data } = await graphql(
      `mutation ($org: String!, $id: ID!) { ${name}(org: $org, ${id}${given}) { position } }`,
      variables,
    );
    expect(data[name].position).toBe('42');
    const { replaces, hash: seen } = gateway.sent.at(-1)?.data as { replaces?: unknown; hash?: unknown };
    expect({ replaces, hash: seen }).toEqual({ replaces: undefined, hash: undefined, ...said });
  });

  it('refuse what the contract refuses, before any service is asked', async () => {
    const before = gateway.sent.length;
    for (const field of [
      'controlRollout(org: $org, id: $id, action: "stop") { id }',
      'assignPolicy(org: $org, id: $id, target: { kind: "everybody" }) { id }',
      'draftPolicy(org: $org, input: { id: $id, name: "A" }) { id }',
      'draftPolicy(org: $org, input: { id: $id, name: "A", text: "x", replaces: "x" }) { id }',
      'publishPolicy(org: $org, id: $id, input: { hash: "x" }) { id }',
      'discardPolicyDraft(org: $org, id: $id, hash: "x") { id }',
    ]) {
      const { errors } = await graphql(`mutation ($org: String!, $id: ID!) { ${field} }`, variables);
      expect([field, errors[0].extensions.code]).toEqual([field, 'request.invalid']);
    }
    expect(gateway.sent.length).toBe(before);
  });
});
