import { testRedis } from '@keyfleet/testing';
import { Redis } from 'ioredis';
import { type GatewayDouble, gatewayDouble, ORG, SESSION } from '../testing/double.js';
import { POLICY } from '../testing/policy.js';

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

afterEach(() => {
  expect(gateway.logged.splice(0)).toEqual([]);
});

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH';
const cookies = { keyfleet_session: SESSION };
const ask = (method: Method, path: string, payload?: object, headers: Record<string, string> = {}) =>
  gateway.app.inject({
    ...{ method, url: `/api/v1/orgs/${ORG.slug}${path}`, cookies, headers },
    ...(payload && { payload }),
  });
const graphql = async (query: string, variables: object) => {
  const payload = { query, variables: { org: ORG.slug, id: POLICY.id, ...variables } };
  return (await gateway.app.inject({ method: 'POST', url: '/api/graphql', payload, cookies })).json();
};

const policy = `/policies/${POLICY.id}`;
const statement = { id: 'a', effect: 'allow', principals: ['*'], actions: ['read'], resources: ['**'] };
const withCondition = (condition: string) => ({ document: { statements: [{ ...statement, condition }] } });
const hash = 'ab'.repeat(32);

describe.each([
  ['NUL', '\0'],
  ['half of an emoji', '\ud83d'],
  ['the other half', '\ude00'],
])('a text with %s', (_name, bad) => {
  it.each<[Method, string, object, string]>([
    ['POST', `${policy}/draft/review-requests`, { comment: `ok ${bad}` }, '/comment'],
    ['POST', `${policy}/draft/reviews`, { hash, verdict: 'approved', comment: bad }, '/comment'],
    ['POST', '/policies', { name: `A${bad}`, content: { text: 'x' } }, '/name'],
    ['POST', '/policies', { name: 'A', content: withCondition(`principal == "${bad}"`) }, '/content'],
    ['PUT', `${policy}/draft`, { name: 'A', content: { text: bad } }, '/content'],
    ['POST', '/policies/check', { content: { text: bad } }, '/content'],
    ['POST', '/policies/who-can', { principal: bad }, '/principal'],
    ['POST', '/policies/who-can', { groups: ['ops', bad] }, '/groups/1'],
    [
      'POST',
      `${policy}/assignments`,
      { target: { kind: 'selector', selector: `labels.a = "${bad}"` } },
      '/target/selector',
    ],
    ['POST', '/groups', { name: `A${bad}`, selector: 'labels.a = b' }, '/name'],
    ['POST', '/groups', { name: 'A', selector: `labels.a = "${bad}"` }, '/selector'],
    ['POST', '/api-tokens', { name: bad, permissions: ['agents:read'] }, '/name'],
    ['POST', '/enrolment-tokens', { labels: { env: `a${bad}` } }, '/labels/env'],
  ])('repro-half-emoji: is refused at its place by %s %s %j', async (method, path, body, pointer) => {
    const before = gateway.sent.length;
    for (const headers of [{}, { 'idempotency-key': 'once' }] as Record<string, string>[]) {
      const answer = await ask(method, path, body, headers);
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'request.invalid']);
      expect(answer.json().errors[0].pointer).toMatch(new RegExp(`^${pointer}`));
    }
    expect(gateway.sent.length).toBe(before);
  });

  it('repro-half-emoji: is refused over GraphQL, in what is written and in what is looked for', async () => {
    const before = gateway.sent.length;
    const review =
      'mutation ($org: String!, $id: ID!, $text: String) { requestPolicyReview(org: $org, id: $id, comment: $text) { id } }';
    const found = await graphql(review, { text: bad });
    expect(found.errors[0].extensions).toMatchObject({ code: 'request.invalid' });
    expect(gateway.sent.length).toBe(before);
  });
});

describe('a comment', () => {
  it('has lines, tabs and whole characters of every kind', async () => {
    const comment = 'first\r\n\tsecond \ud83d\ude00 \u202e\ufffe';
    const answer = await ask('POST', `${policy}/draft/review-requests`, { comment });
    expect(answer.statusCode).toBe(204);
    expect(gateway.sent.at(-1)?.data).toMatchObject({ comment });
  });
});

describe('a time', () => {
  it.each([
    ['digits of a second', `2026-01-01T00:00:00.${'1'.repeat(150)}Z`],
    ['years', '0000-01-01T00:00:00Z'],
  ])('repro-long-time: of more %s than there are is refused at its place', async (_what, at) => {
    for (const [path, pointer] of [
      [`/agents?asOf=${at}`, '/asOf'],
      [`/events?from=${at}`, '/from'],
      [`/events?to=${at}`, '/to'],
    ] as const) {
      const answer = await ask('GET', path);
      expect([path, answer.statusCode, answer.json().errors?.[0].pointer]).toEqual([path, 400, pointer]);
    }
  });
});
