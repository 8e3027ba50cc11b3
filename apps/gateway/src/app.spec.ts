import { testRedis } from '@keyfleet/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { getIntrospectionQuery, parse } from 'graphql';
import { Redis } from 'ioredis';
import { accessRules } from './testing/access-rules.js';
import {
  AGENT,
  FOREIGN_ORG,
  type GatewayDouble,
  gatewayDouble,
  ORG,
  PASSWORD,
  SESSION,
  VIEWER_SESSION,
} from './testing/double.js';

const cookie = { keyfleet_session: SESSION };
let redis: Redis;
let gateway: GatewayDouble;
let app: NestFastifyApplication;

beforeAll(async () => {
  redis = new Redis((await testRedis()).url);
  gateway = await gatewayDouble(redis);
  app = gateway.app;
  await app.getHttpAdapter().getInstance().ready();
}, 60_000);

afterAll(async () => {
  await app.close();
  redis.disconnect();
});

beforeEach(() => redis.flushdb());

const graphql = (query: string, variables: object = {}, cookies: Record<string, string> = cookie) =>
  app.inject({ method: 'POST', url: '/api/graphql', payload: { query, variables }, cookies });

describe('the edge', () => {
  it('answers a signed-in request and refuses the same without a session', async () => {
    const url = `/api/v1/orgs/${ORG.slug}/agents`;
    const answer = await app.inject({ url, cookies: cookie });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ items: [AGENT], nextCursor: null });
    const refused = await app.inject({ url });
    expect(refused.statusCode).toBe(401);
    expect(refused.headers['content-type']).toMatch('application/problem+json');
    expect(refused.json()).toMatchObject({
      code: 'auth.required',
      status: 401,
      instance: url,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('S9: gives one answer for a foreign and for an absent organisation', async () => {
    const foreign = await app.inject({ url: `/api/v1/orgs/${FOREIGN_ORG.slug}/agents`, cookies: cookie });
    const absent = await app.inject({ url: '/api/v1/orgs/nowhere/agents', cookies: cookie });
    const shape = ({ statusCode, body }: { statusCode: number; body: string }) => {
      const { traceId: _, instance: __, ...rest } = JSON.parse(body);
      return { statusCode, rest };
    };
    expect(foreign.statusCode).toBe(404);
    expect(shape(foreign)).toEqual(shape(absent));
  });

  it('S9: takes what cannot be an organisation as one that is not there', async () => {
    for (const odd of ['%00', 'ACME', 'org_', '%25', "'--", 'x'.repeat(60), `${ORG.slug}%20`]) {
      const { statusCode } = await app.inject({ url: `/api/v1/orgs/${odd}/agents`, cookies: cookie });
      expect([odd, statusCode]).toEqual([odd, 404]);
    }
    const { errors } = (await graphql('{ org(slug: "\\u0000") { id } }')).json();
    expect(errors[0].extensions.code).toBe('resource.not-found');
  });

  it('refuses what a role does not allow, by the name of the permission', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: `/api/v1/orgs/${ORG.slug}/agents/${AGENT.id}/revoke`,
      cookies: { keyfleet_session: VIEWER_SESSION },
    });
    expect(answer.statusCode).toBe(403);
    expect(answer.json().detail).toContain('agents:revoke');
  });

  it('refuses an unsafe request that a foreign page sent with the cookie', async () => {
    const url = `/api/v1/orgs/${ORG.slug}/enrolment-tokens`;
    const foreign = await app.inject({
      method: 'POST',
      url,
      payload: {},
      cookies: cookie,
      headers: { origin: 'https://evil.example' },
    });
    expect(foreign.statusCode).toBe(403);
    expect(foreign.json().code).toBe('auth.origin');
    const own = await app.inject({
      method: 'POST',
      url,
      payload: {},
      cookies: cookie,
      headers: { origin: 'http://localhost:8080', host: 'localhost:8080' },
    });
    expect(own.statusCode).toBe(201);
    expect(own.headers['keyfleet-position']).toBe('42');
  });

  it('names the place and the rule of bad input, in body, query and path', async () => {
    const body = await app.inject({
      method: 'POST',
      url: `/api/v1/orgs/${ORG.slug}/enrolment-tokens`,
      payload: { expiresIn: -1, surprise: 1 },
      cookies: cookie,
    });
    expect(body.statusCode).toBe(400);
    expect(body.json().errors.map((error: { pointer: string }) => error.pointer)).toContain('/expiresIn');
    const query = await app.inject({ url: `/api/v1/orgs/${ORG.slug}/agents?limit=9999`, cookies: cookie });
    expect(query.json()).toMatchObject({
      status: 400,
      code: 'request.invalid',
      errors: [{ pointer: '/limit' }],
    });
    const path = await app.inject({ url: `/api/v1/orgs/${ORG.slug}/agents/agt_*`, cookies: cookie });
    expect(path.statusCode).toBe(400);
    const json = await app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: '{"email":',
      headers: { 'content-type': 'application/json' },
    });
    expect(json.json()).toMatchObject({ status: 400, code: 'request.malformed' });
    const large = await app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { email: 'x'.repeat(400_000) },
    });
    expect(large.json()).toMatchObject({ status: 413, code: 'request.too-large' });
    expect(gateway.logged).toEqual([]);
  });

  it('S12: never answers 2xx without a session, however the route is written', async () => {
    const routes = [
      '/api/v1/orgs',
      `/api/v1/orgs/${ORG.slug}`,
      `/api/v1/orgs/${ORG.slug}/agents`,
      `/api/v1/orgs/${ORG.slug}/events`,
      `/api/v1/orgs/${ORG.slug}/groups`,
      '/api/v1/auth/session',
    ];
    const twists = [
      (r: string) => r,
      (r: string) => `${r}/`,
      (r: string) => r.replace('/api', '//api'),
      (r: string) => r.toUpperCase(),
      (r: string) => `${r};x`,
      (r: string) => r.replace('/orgs', '%2forgs'),
      (r: string) => `/api/v1/x/..;${r}`,
      (r: string) => `${r}?x=1`,
    ];
    for (const route of routes) {
      for (const twist of twists) {
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
          const answer = await app.inject({ method, url: twist(route) });
          expect([method, twist(route), answer.statusCode >= 400]).toEqual([method, twist(route), true]);
        }
      }
    }
  });

  it('waits for the position a reader brings, and says where it did not come', async () => {
    const url = `/api/v1/orgs/${ORG.slug}/agents`;
    const fresh = await app.inject({ url, cookies: cookie, headers: { 'keyfleet-position': '7' } });
    expect(fresh.headers['keyfleet-stale']).toBeUndefined();
    const stale = await app.inject({ url, cookies: cookie, headers: { 'keyfleet-position': '8' } });
    expect(stale.statusCode).toBe(200);
    expect(stale.headers['keyfleet-stale']).toBe('true');
  });
});

describe('sign-in', () => {
  const login = (password: string, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { email: 'ada@acme.example', password },
      headers,
    });

  it('sets a cookie that scripts cannot read and lists the organisations', async () => {
    const answer = await login(PASSWORD);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ user: { email: 'ada@acme.example' }, orgs: [{ slug: 'acme' }] });
    expect(answer.headers['set-cookie']).toMatch(/^keyfleet_session=A{43};.*HttpOnly; SameSite=Lax/);
    expect(answer.body).not.toContain(SESSION);
  });

  it('S13: blocks after five failures whatever address the caller claims, and lets a success start anew', async () => {
    for (let attempt = 0; attempt < 4; attempt += 1) expect((await login('wrong')).statusCode).toBe(401);
    expect((await login(PASSWORD)).statusCode).toBe(200);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect((await login('wrong', { 'x-forwarded-for': `203.0.113.${attempt}` })).statusCode).toBe(401);
    }
    const blocked = await login(PASSWORD, { 'x-forwarded-for': '198.51.100.9' });
    expect(blocked.statusCode).toBe(429);
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('S6, S8: closes the enrolment door, and no other, to a network that was refused too often', async () => {
    const payload = {
      token: `kfe_${'0'.repeat(64)}_${'x'.repeat(43)}`,
      name: 'site-1',
      csr: '-----BEGIN CERTIFICATE REQUEST-----\nx',
      nkey: `U${'A'.repeat(55)}`,
      agentVersion: '0.1.0',
    };
    const enrol = () => app.inject({ method: 'POST', url: '/api/v1/enrol', payload });
    for (let attempt = 0; attempt < 20; attempt += 1)
      expect((await enrol()).json().code).toBe('enrolment.token-invalid');
    expect((await enrol()).statusCode).toBe(429);
    // S8: agents of the same network renew all the same.
    const renewal = {
      ...{ agentId: AGENT.id, csr: payload.csr, nkey: payload.nkey, at: new Date().toISOString() },
      ...{ nonce: 'n'.repeat(32), signature: 'A'.repeat(86) },
    };
    const renewed = await app.inject({ method: 'POST', url: '/api/v1/renew', payload: renewal });
    expect(renewed.statusCode).toBe(200);
  });
});

describe('GraphQL', () => {
  it('answers from the same reads as REST', async () => {
    const answer = await graphql(
      'query($s:String!){ org(slug:$s){ id agents(first:10){ edges{ node{ id name state lastSeenAt labels } cursor } pageInfo{ hasNextPage endCursor } } } }',
      { s: ORG.slug },
    );
    expect(answer.statusCode).toBe(200);
    expect(answer.json().data.org).toMatchObject({
      id: ORG.id,
      agents: {
        edges: [{ node: { id: AGENT.id, labels: { env: 'prod' } } }],
        pageInfo: { hasNextPage: false },
      },
    });
  });

  it('carries the stable code, and no data, without a session or for a foreign organisation', async () => {
    const anonymous = await graphql('{ orgs { id } }', {}, {});
    expect(anonymous.json()).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'auth.required' } }],
    });
    const foreign = await graphql(`{ org(slug:"${FOREIGN_ORG.slug}") { id } }`);
    expect(foreign.json()).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'resource.not-found' } }],
    });
  });

  it('checks the permission of a field below the organisation', async () => {
    const answer = await graphql(
      `{ org(slug:"${ORG.slug}") { id enrolmentTokens { edges { node { id } } } } }`,
      {},
      { keyfleet_session: VIEWER_SESSION },
    );
    expect(answer.json().errors[0].extensions.code).toBe('auth.forbidden');
  });

  it('S14: refuses operations that are too deep, too wide, too dear, too long or ask for the schema', async () => {
    const org = (inner: string) => `{ org(slug:"${ORG.slug}") { ${inner} } }`;
    const refused = {
      aliases: `{ ${Array.from({ length: 16 }, (_, i) => `a${i}: me { id }`).join(' ')} }`,
      characters: `{ me { id } } # ${'x'.repeat(15_000)}`,
      tokens: `{ me { ${'id '.repeat(1_001)} } }`,
      directives: `{ me { ${'id @include(if: true) '.repeat(51)} } }`,
      introspection: '{ __schema { types { name } } }',
      syntax: '{ me { ',
    };
    for (const [what, query] of Object.entries(refused)) {
      const answer = await graphql(query);
      expect([what, answer.statusCode, answer.json().errors?.[0]?.extensions.code]).toEqual([
        what,
        400,
        'graphql.refused',
      ]);
    }
    const dear = await graphql(
      org(
        Array.from(
          { length: 14 },
          (_, i) =>
            `a${i}: agents(first: 200) { edges { node { id name state version labels lastSeenAt enrolledAt secrets storage seal } } }`,
        ).join(' '),
      ),
    );
    expect(dear.json().errors[0].message).toMatch(/costs \d+/);
    expect(gateway.logged).toEqual([]);
  });

  it('S14: answers what is asked over and over as it did the first time, and weighs its variables each time', async () => {
    const often = async (ask: () => Promise<string>) => {
      const answers: string[] = [];
      for (let n = 0; n < 8; n += 1)
        answers.push((await ask()).replace(/"traceId":"[^"]*"/g, '"traceId":""'));
      expect(new Set(answers).size).toBe(1);
      return JSON.parse(answers[0] ?? '');
    };
    const page = `query Page($first: Int) { org(slug: "${ORG.slug}") {
      ${Array.from({ length: 14 }, (_, i) => `a${i}: agents(first: $first) { edges { node { id name state version labels lastSeenAt enrolledAt secrets } } }`).join(' ')}
    } }`;
    const first = await often(async () => (await graphql(page, { first: 2 })).payload);
    expect(first.data.org.a0.edges.length).toBeGreaterThan(0);
    const dear = await often(async () => (await graphql(page, { first: 200 })).payload);
    expect(dear.errors[0].message).toMatch(/costs \d+/);
    const wrong = await often(async () => (await graphql(page, { first: 'two' })).payload);
    expect(wrong.errors[0].extensions.code).toBe('graphql.refused');
    const forbidden = await often(
      async () =>
        (
          await graphql(
            `{ org(slug: "${ORG.slug}") { enrolmentTokens { edges { node { id } } } } }`,
            {},
            { keyfleet_session: VIEWER_SESSION },
          )
        ).payload,
    );
    expect(forbidden.errors[0].extensions.code).toBe('auth.forbidden');
    expect(gateway.logged).toEqual([]);
  });

  it('S14: runs the operation that is named, of a document that has several and is asked often', async () => {
    const query = 'query Id { me { id } } query Kind { me { kind } }';
    for (let n = 0; n < 8; n += 1)
      for (const [operationName, field] of [
        ['Id', 'id'],
        ['Kind', 'kind'],
      ]) {
        const answer = await app.inject({
          ...{ method: 'POST', url: '/api/graphql', cookies: cookie },
          payload: { query, operationName },
        });
        expect(Object.keys(answer.json().data.me)).toEqual([field]);
      }
    for (let n = 0; n < 8; n += 1) {
      const payload = { query: 'query Id { me { id } }', operationName: n < 6 ? 'Id' : 'Other' };
      const answer = await app.inject({
        ...{ method: 'POST', url: '/api/graphql', cookies: cookie },
        payload,
      });
      expect(answer.statusCode).toBe(n < 6 ? 200 : 400);
    }
  });

  it('S14: takes no syntax tree in place of text, whatever it says it was parsed from', async () => {
    const tree = JSON.stringify({ ...parse('{ me { id } }'), loc: { start: 0, end: 13 } });
    for (const query of [tree, '"me"', '1', '[]', 'null'])
      expect((await graphql(query)).json().errors[0].extensions.code).toBe('graphql.refused');
    expect(gateway.logged).toEqual([]);
  });
});

describe('GraphQL that may tell its schema', () => {
  it('S14: answers what tools ask for it, and still refuses what is nested without end', async () => {
    const open = await gatewayDouble(redis, { introspection: true });
    await open.app.getHttpAdapter().getInstance().ready();
    const ask = async (query: string) => {
      const answer = await open.app.inject({
        method: 'POST',
        url: '/api/graphql',
        payload: { query },
        cookies: cookie,
      });
      return answer.json();
    };
    expect((await ask(getIntrospectionQuery())).data.__schema.queryType.name).toBe('Query');
    const endless = `{ __schema { types { fields { type { ${'ofType { '.repeat(20)} name ${'} '.repeat(20)} } } } } }`;
    expect((await ask(endless)).errors[0].extensions.code).toBe('graphql.refused');
    expect(open.logged).toEqual([]);
    await open.app.close();
  });
});

describe('what is open', () => {
  it('S12: is a list with a reason each; every other route and GraphQL field has its rule', () => {
    expect(accessRules(app)).toMatchSnapshot();
    expect(accessRules(app).filter((line) => line.startsWith('NO RULE'))).toEqual([]);
  });

  it('S12: outside the controllers serves only the API description, GraphQL behind the guard, and the dashboard', () => {
    const routes = app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
    expect(routes.split('\n').filter((line: string) => /api\/(?!v1)/.test(line))).toMatchSnapshot();
  });

  it('describes itself in OpenAPI 3 from the same schemas', async () => {
    const document = (await app.inject({ url: '/api/openapi.json' })).json();
    expect(document.openapi).toMatch(/^3\./);
    const list = document.paths['/api/v1/orgs/{org}/agents'].get;
    expect(list.responses['200'].content['application/json'].schema).toBeDefined();
    expect(list.responses.default.content['application/problem+json']).toBeDefined();
    expect(document.paths['/api/v1/enrol'].post.requestBody).toBeDefined();
    type Operations = Record<string, { parameters: { in: string; name: string }[] }>;
    for (const [template, methods] of Object.entries<Operations>(document.paths)) {
      for (const { parameters } of Object.values(methods)) {
        const named = parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`);
        expect(named).toEqual(template.match(/\{\w+\}/g) ?? []);
      }
    }
  });
});
