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
const policy = `/policies/${POLICY.id}`;

describe('a number beyond what a column holds', () => {
  const [most, beyond] = [2_147_483_647, 2_147_483_648];

  it.each<[Method, (version: number) => string, string]>([
    ['GET', (version) => `${policy}/versions/${version}`, '/version'],
    ['GET', (version) => `${policy}/diff?from=${version}`, '/from'],
    ['GET', (version) => `${policy}/diff?from=1&to=${version}`, '/to'],
    ['POST', (version) => `${policy}/versions/${version}/certificates`, '/version'],
  ])('repro-version-number: is refused at its place by %s %s', async (method, path, pointer) => {
    for (const version of [beyond, 2 ** 53 - 1, 1e21]) {
      const answer = await ask(method, path(version));
      expect([answer.statusCode, answer.json().errors[0].pointer]).toEqual([400, pointer]);
    }
    expect((await ask(method, path(most))).statusCode).toBe(method === 'GET' ? 404 : 201);
  });

  it('repro-version-number: is no version to go back to', async () => {
    const refused = await ask('POST', `${policy}/publish`, { restore: beyond });
    expect([refused.statusCode, refused.json().errors[0].pointer]).toEqual([400, '/restore']);
    expect((await ask('POST', `${policy}/publish`, { restore: most })).statusCode).toBe(200);
  });
});
