import { newId } from '@keyfleet/platform';
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

async function ask(query: string, variables: object = {}) {
  const answer = await gateway.app.inject({
    ...{ method: 'POST', url: '/api/graphql', cookies: { keyfleet_session: SESSION } },
    payload: { query, variables },
  });
  return answer.json();
}

const costs = (cost = expect.stringMatching(/costs \d+/)) => ({
  data: null,
  errors: [{ message: cost, extensions: { code: 'graphql.refused' } }],
});
const nodes = 'edges { node { id } }';
/** Thirty pages of two hundred, by thirteen names, beside something else. */
const dear = (beside: string, variables = '') => `query ${variables} {
  ${['x', 'y', 'z'].map((name) => `${name}: org(slug: "acme") { ...Pages }`).join(' ')}
}
fragment Pages on Organisation {
  ${beside}
  ${Array.from({ length: 10 }, (_, n) => `a${n}: agents(first: 200) { ${nodes} }`).join(' ')}
}`;

describe('the cost of a GraphQL operation', () => {
  it.each(['groups', 'agents', 'events', 'agentPolicies', 'policies'])(
    'repro-negative-cost: is not made up for by a page of %s that is smaller than nothing',
    async (list) => {
      const page = (first: string) => `${list}(first: ${first}) { edges { node { __typename } } }`;
      for (const beside of ['id', page('0'), page('-1'), page('-2147483648')])
        expect([beside, await ask(dear(beside))]).toMatchObject([beside, costs()]);
      const given = await ask(dear(page('$n'), '($n: Int)'), { n: -2_147_483_648 });
      expect(given).toMatchObject(costs());
    },
  );

  it('leaves what a page size may be to who reads the list', async () => {
    for (const first of [-1, 0, 201, 2_147_483_647]) {
      const { errors } = await ask(`{ org(slug: "acme") { agents(first: ${first}) { ${nodes} } } }`);
      expect([first, errors[0].extensions.code]).toEqual([first, 'request.invalid']);
    }
    for (const first of [1, 200, null]) {
      const { data } = await ask(`{ org(slug: "acme") { agents(first: ${first}) { ${nodes} } } }`);
      expect([first, data.org.agents.edges.length]).toEqual([first, 1]);
    }
  });

  it('follows how many documents of policies are asked for', async () => {
    const whole = (count: number) =>
      Array.from(
        { length: count },
        (_, n) => `p${n}: policy(id: "${POLICY.id}") { published { document } draft { document } }`,
      ).join(' ');
    const { data } = await ask(`{ org(slug: "acme") { ${whole(9)} } }`);
    expect(data.org.p8.draft.document).toEqual(POLICY.draft?.document);
    expect(await ask(`{ org(slug: "acme") { ${whole(10)} } }`)).toMatchObject(costs());
  });
});

describe('one’s organisations', () => {
  beforeAll(() => {
    for (let n = 0; n < 260; n += 1) {
      const slug = `other-${String(n).padStart(3, '0')}`;
      gateway.identity.others.push({ id: newId('org'), slug, name: slug });
    }
  });

  it('repro-orgs-cost: cost as many times what is asked of each as there may be', async () => {
    const inEach = `{ slug agents(first: 200) { ${nodes} } }`;
    expect(await ask(`{ orgs ${inEach} }`)).toMatchObject(costs());
    expect(
      await ask(
        `{ orgs(first: 200) { agentCounts { online offline unknown revoked } agents { ${nodes} } } }`,
      ),
    ).toMatchObject(costs());
    const { data } = await ask(`{ orgs(first: 20) ${inEach} }`);
    expect(data.orgs).toHaveLength(20);
    expect(data.orgs[0]).toMatchObject({ slug: ORG.slug, agents: { edges: [{}] } });
  });

  it('come as a bounded list, page after page by slug', async () => {
    expect((await ask('{ orgs { id slug name } }')).data.orgs).toHaveLength(50);
    const page = async (after: string): Promise<string[]> => {
      const { data } = await ask('query ($after: String) { orgs(first: 200, after: $after) { slug } }', {
        after,
      });
      return data.orgs.map(({ slug }: { slug: string }) => slug);
    };
    const first = await page('');
    const rest = await page(first.at(-1) ?? '');
    expect([first.length, rest.length]).toEqual([200, 61]);
    expect(new Set([...first, ...rest]).size).toBe(261);
    expect(await page(rest.at(-1) ?? '')).toEqual([]);
    for (const size of [0, -1, 201])
      expect((await ask(`{ orgs(first: ${size}) { id } }`)).errors[0].extensions.code).toBe(
        'request.invalid',
      );
  });
});
