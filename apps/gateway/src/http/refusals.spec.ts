import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { problem } from '@keyfleet/contracts/http';
import { testRedis } from '@keyfleet/testing';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { AGENT, type GatewayDouble, gatewayDouble, ORG, SESSION } from '../testing/double.js';

const cookies = { keyfleet_session: SESSION };
const AGENTS = `/api/v1/orgs/${ORG.slug}/agents`;
const GROUPS = `/api/v1/orgs/${ORG.slug}/groups`;
let redis: Redis;
let gateway: GatewayDouble;

beforeAll(async () => {
  redis = new Redis((await testRedis()).url);
  gateway = await gatewayDouble(redis);
  await gateway.app.listen(0, '127.0.0.1');
}, 60_000);

afterAll(async () => {
  await gateway.app.close();
  redis.disconnect();
});

afterEach(() => {
  expect(gateway.logged.splice(0)).toEqual([]);
});

type Injected = Parameters<GatewayDouble['app']['inject']>[0] & object;
const inject = (request: Injected) => gateway.app.inject({ method: 'GET', cookies, ...request });
const json = { 'content-type': 'application/json' };

/** The answer of the listening server to exactly these bytes. */
async function raw(text: string): Promise<string> {
  const { port } = gateway.app.getHttpServer().address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

describe('what is refused', () => {
  it('is a problem document, whatever was wrong and however early it was found', async () => {
    const refused: [Injected, number, string][] = [
      [{ url: '/api/v1/%zz' }, 400, 'request.malformed'],
      [{ url: `/api/v1/orgs/${'x'.repeat(300)}/agents` }, 413, 'request.too-large'],
      [{ url: '/api/v1/orgs/%00/agents' }, 404, 'resource.not-found'],
      [{ url: '/nope' }, 404, 'request.unknown-operation'],
      [{ method: 'POST', url: AGENTS, payload: {} }, 405, 'request.unknown-operation'],
      [{ method: 'OPTIONS', url: AGENTS }, 405, 'request.unknown-operation'],
      [
        { method: 'POST', url: GROUPS, payload: '<a/>', headers: { 'content-type': 'application/xml' } },
        400,
        'request.malformed',
      ],
      [
        { method: 'POST', url: GROUPS, payload: '{}', headers: { 'content-type': 'text/plain' } },
        400,
        'request.malformed',
      ],
      [
        {
          method: 'POST',
          url: GROUPS,
          payload: 'name=x',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        },
        400,
        'request.malformed',
      ],
      [{ method: 'POST', url: GROUPS, payload: '', headers: json }, 400, 'request.malformed'],
      [{ method: 'POST', url: GROUPS, payload: '{"__proto__":{}}', headers: json }, 400, 'request.malformed'],
      [{ method: 'POST', url: GROUPS, payload: 'null', headers: json }, 400, 'request.invalid'],
      [
        {
          method: 'POST',
          url: GROUPS,
          payload: { name: 'x', selector: 'a' },
          headers: { 'idempotency-key': 'é' },
        },
        400,
        'request.invalid',
      ],
      [
        {
          method: 'POST',
          url: GROUPS,
          payload: { name: 'x', selector: 'a' },
          headers: { 'if-match': '"9999999999999999999"' },
        },
        400,
        'request.invalid',
      ],
      [{ url: AGENTS, headers: { 'keyfleet-position': '-1' } }, 400, 'request.invalid'],
      [{ url: `${AGENTS}?limit=1&limit=2` }, 400, 'request.invalid'],
      [{ url: `${AGENTS}?surprise=1` }, 400, 'request.invalid'],
    ];
    for (const [request, status, code] of refused) {
      const answer = await inject(request);
      const what = `${request.method ?? 'GET'} ${request.url} ${JSON.stringify(request.headers ?? {})}`;
      expect([what, answer.statusCode, answer.json().code]).toEqual([what, status, code]);
      expect(answer.headers['content-type']).toMatch('application/problem+json');
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(problem.parse(answer.json()).status).toBe(answer.statusCode);
    }
  });

  it('names what a path takes where the method is another one', async () => {
    const answer = await inject({ method: 'DELETE', url: `${AGENTS}/${AGENT.id}` });
    expect(answer.statusCode).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD, PATCH');
  });

  it('is a problem document also where the bytes are no request at all', async () => {
    const host = 'host: x\r\n';
    for (const [text, status] of [
      ['GARBAGE\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\n${host}x: ${'a'.repeat(20_000)}\r\n\r\n`, 413],
      [`FOO / HTTP/1.1\r\n${host}\r\n`, 400],
      [`GET / HTTP/1.1\r\n${host}content-length: x\r\n\r\n`, 400],
    ] as const) {
      const [head = '', body = ''] = (await raw(text)).split('\r\n\r\n');
      expect(head).toMatch(`HTTP/1.1 ${status}`);
      expect(problem.parse(JSON.parse(body)).status).toBe(status);
    }
  });

  it('is answered without its body to HEAD, and by the same rules', async () => {
    const known = await inject({ method: 'HEAD', url: AGENTS });
    expect([known.statusCode, known.body, known.headers['cache-control']]).toEqual([200, '', 'no-store']);
    expect((await gateway.app.inject({ method: 'HEAD', url: AGENTS })).statusCode).toBe(401);
  });

  it('is never our failure, whatever headers, queries, paths and bodies a client makes up', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('\0', '%00', "'", '"', '￿', '{', '-1', '1e999'),
    );
    const header = text.map((value) => value.replaceAll(/[^\x20-\x7e]/g, '?'));
    const name = fc.constantFrom(
      'keyfleet-position',
      'if-match',
      'idempotency-key',
      'traceparent',
      'authorization',
      'origin',
      'cookie',
      'accept',
      'content-type',
    );
    const key = fc.constantFrom(
      'limit',
      'cursor',
      'filter',
      'asOf',
      'type',
      'agentId',
      'from',
      'to',
      '__proto__',
      'x',
    );
    const requests = fc.record({
      method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
      route: fc.constantFrom(
        'agents',
        'events',
        'groups',
        'enrolment-tokens',
        'api-tokens',
        `agents/${AGENT.id}`,
        `agents/${AGENT.id}/revoke`,
      ),
      tail: text,
      query: fc.array(fc.tuple(key, text), { maxLength: 3 }),
      headers: fc.dictionary(name, header, { maxKeys: 3 }),
      body: fc.oneof(
        fc.json(),
        fc
          .record({ name: fc.anything(), selector: text, labels: fc.anything(), uses: fc.anything() })
          .map((value) => JSON.stringify(value, (_k, v) => (typeof v === 'bigint' ? String(v) : v))),
      ),
    });
    await fc.assert(
      fc.asyncProperty(requests, async ({ method, route, tail, query, headers, body }) => {
        const search = query.map(([k, v]) => `${k}=${encode(v)}`).join('&');
        const url = `/api/v1/orgs/${ORG.slug}/${route}${tail ? `/${encode(tail)}` : ''}?${search}`;
        const withBody = method === 'GET' || method === 'HEAD' ? {} : { payload: body };
        const answer = await inject({
          method: method as 'GET',
          url,
          headers: { ...json, ...headers },
          ...withBody,
        });
        expect([url, answer.statusCode < 500]).toEqual([url, true]);
      }),
      { numRuns: 300 },
    );
  });
});

/** Lone surrogates cannot be written in a URL. */
const encode = (value: string) => encodeURIComponent(value.toWellFormed());

describe('GraphQL that is no GraphQL', () => {
  const post = (payload: unknown, headers: Record<string, string> = json) =>
    inject({ method: 'POST', url: '/api/graphql', payload: payload as object, headers });

  it('is refused as the mistake it is', async () => {
    const tree = JSON.stringify({ kind: 'Document', definitions: [] });
    const inOrg = (field: string) => `query($n: Int) { org(slug: "acme") { ${field} } }`;
    const refused: [
      string,
      Promise<{ statusCode: number; json(): { errors: { extensions: { code: string } }[] } }>,
      string,
    ][] = [
      [
        'a mutation by GET',
        inject({
          url: `/api/graphql?query=${encodeURIComponent('mutation { removeGroup(org: "acme", id: "x") { id } }')}`,
        }),
        'graphql.refused',
      ],
      ['no query by GET', inject({ url: '/api/graphql' }), 'request.malformed'],
      [
        'variables that are no JSON',
        inject({ url: '/api/graphql?query=%7Bme%7Bid%7D%7D&variables=nojson' }),
        'request.malformed',
      ],
      ['no query', post({}), 'request.malformed'],
      ['a number as query', post({ query: 5 }), 'graphql.refused'],
      ['a syntax tree as query', post({ query: tree }), 'graphql.refused'],
      ['variables that are no object', post({ query: '{ me { id } }', variables: 'x' }), 'request.malformed'],
      ['a batch', post([{ query: '{ me { id } }' }]), 'request.malformed'],
      ['no JSON', post('{bad'), 'request.malformed'],
      [
        'a form',
        post('query=x', { 'content-type': 'application/x-www-form-urlencoded' }),
        'request.malformed',
      ],
      ['an unknown operation', post({ query: '{ me { id } }', operationName: 'x' }), 'graphql.refused'],
      [
        'a subscription',
        post({ query: 'subscription { fleetChanged(org: "acme") { reset } }' }),
        'graphql.refused',
      ],
      [
        'a variable of another type',
        post({ query: inOrg('agents(first: $n) { edges { node { id } } }'), variables: { n: 'x' } }),
        'graphql.refused',
      ],
      [
        'a page too large',
        post({ query: '{ org(slug: "acme") { groups(first: 999) { edges { node { id } } } } }' }),
        'request.invalid',
      ],
      [
        'a scalar in a variable',
        post({
          query: 'mutation($l: JSONObject!) { labelAgent(org: "acme", id: "x", labels: $l) { id } }',
          variables: { l: [1] },
        }),
        'request.invalid',
      ],
    ];
    for (const [what, asked, code] of refused) {
      const answer = await asked;
      expect([what, answer.statusCode, answer.json().errors[0]?.extensions.code]).toEqual([what, 400, code]);
    }
  });
});
