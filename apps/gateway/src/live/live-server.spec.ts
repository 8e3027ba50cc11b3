import { once } from 'node:events';
import { testRedis } from '@keyfleet/testing';
import { Redis } from 'ioredis';
import {
  AGENT,
  API_TOKEN,
  FOREIGN_ORG,
  type GatewayDouble,
  gatewayDouble,
  ORG,
  OWNER,
  SESSION,
} from '../testing/double.js';
import { follow, liveClient, rawSocket, refusedUpgrade } from '../testing/live-client.js';

const COOKIE = { cookie: `keyfleet_session=${SESSION}` };
const FLEET = 'subscription($org: String!) { fleetChanged(org: $org) { reset readModels agents { id } } }';
let redis: Redis;
let gateway: GatewayDouble;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  redis = new Redis((await testRedis()).url);
}, 60_000);

afterAll(() => {
  redis.disconnect();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

beforeEach(async () => {
  gateway = await gatewayDouble(redis);
  await gateway.app.listen(0, '127.0.0.1');
});

afterEach(async () => {
  await gateway.app.close();
});

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const changed = (ids: readonly string[], orgId: string | null = ORG.id) => ({
  readModel: 'registry.agents',
  orgId,
  ids: [...ids],
  position: null,
});

describe('the upgrade', () => {
  it('S12: is refused without a good credential, with a problem document', async () => {
    const without: Record<string, string>[] = [
      {},
      { cookie: `keyfleet_session=${'x'.repeat(43)}` },
      { authorization: `Bearer kf_${'x'.repeat(43)}` },
      { ...COOKIE, authorization: 'Bearer nonsense' },
    ];
    for (const headers of without) {
      expect(await refusedUpgrade(gateway.app, headers)).toMatchObject({
        status: 401,
        body: { code: 'auth.required' },
      });
    }
    expect(await refusedUpgrade(gateway.app, COOKIE, '/api/v1/orgs')).toMatchObject({ status: 404 });
  });

  it('S23: is refused to a page of a foreign origin, whatever credential it brings', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      expect(await refusedUpgrade(gateway.app, { ...COOKIE, origin })).toMatchObject({
        status: 403,
        body: { code: 'auth.origin' },
      });
    }
  });

  it('is open to a cookie and to an API token', async () => {
    for (const headers of [COOKIE, { authorization: `Bearer ${API_TOKEN}` }]) {
      const client = liveClient(gateway.app, headers);
      const following = follow(client, FLEET, { org: ORG.slug });
      await until('a first message', () => following.messages.length > 0);
      expect(following.messages[0]).toEqual({
        data: { fleetChanged: { reset: true, readModels: ['*'], agents: [] } },
      });
      following.stop();
      await client.dispose();
    }
    await until('nobody subscribed', () => gateway.feed.subscribers === 0);
  });
});

describe('the live feed', () => {
  it('carries a notice as the agents now are, and nothing of another organisation', async () => {
    const client = liveClient(gateway.app, COOKIE);
    const following = follow(client, FLEET, { org: ORG.slug });
    await until('the reset', () => following.messages.length === 1);
    gateway.feed.notice(changed([AGENT.id], FOREIGN_ORG.id));
    gateway.feed.notice(changed([AGENT.id]));
    await until('a change', () => following.messages.length === 2);
    expect(following.messages[1]?.data?.fleetChanged).toEqual({
      reset: false,
      readModels: ['registry.agents'],
      agents: [{ id: AGENT.id }],
    });
    gateway.feed.lost();
    await until('a reset', () => following.messages.length === 3);
    expect(following.messages[2]?.data?.fleetChanged.reset).toBe(true);
    await client.dispose();
  });

  it('S9: answers for a foreign organisation as for none', async () => {
    const client = liveClient(gateway.app, COOKIE);
    for (const org of [FOREIGN_ORG.slug, 'nowhere', 'no such\u0000name']) {
      const following = follow(client, FLEET, { org });
      await following.ended;
      expect(following.messages).toMatchObject([
        { errors: [{ extensions: { code: 'resource.not-found' } }] },
      ]);
    }
    await client.dispose();
  });

  it('S23: ends within two seconds of the session, socket included, also where nothing is subscribed', async () => {
    const idle = await rawSocket(gateway.app, COOKIE);
    const closed = once(idle, 'close');
    const client = liveClient(gateway.app, COOKIE);
    const following = follow(client, FLEET, { org: ORG.slug });
    await until('the reset', () => following.messages.length === 1);
    const since = Date.now();
    gateway.identity.ended.add(OWNER);
    gateway.feed.notice({ readModel: 'identity.sessions', orgId: null, ids: [], position: null });
    await following.ended;
    expect((await closed)[0]).toBe(4_401);
    expect(Date.now() - since).toBeLessThan(2_000);
    await until('nobody subscribed', () => gateway.feed.subscribers === 0);
    expect(following.messages).toHaveLength(1);
  });

  it('tells a failed read by its code alone, and starts anew for whoever asks again', async () => {
    const client = liveClient(gateway.app, COOKIE);
    const following = follow(client, FLEET, { org: ORG.slug });
    await until('the reset', () => following.messages.length === 1);
    gateway.identity.fault = new Error('password of kf_auth is hunter2');
    gateway.feed.notice({ readModel: 'identity.sessions', orgId: null, ids: [], position: null });
    expect(JSON.stringify(await following.ended)).toMatch('internal.error');
    expect(JSON.stringify(await following.ended)).not.toContain('hunter2');
    expect(gateway.feed.subscribers).toBe(0);
    gateway.identity.fault = null;
    const again = follow(client, FLEET, { org: ORG.slug });
    await until('a reset', () => again.messages.length === 1);
    await client.dispose();
  });

  it('forgets a peer that vanishes, and a gateway that stops lets nobody wait', async () => {
    const client = liveClient(gateway.app, COOKIE);
    const following = follow(client, FLEET, { org: ORG.slug });
    await until('the reset', () => following.messages.length === 1);
    client.terminate();
    await until('nobody subscribed', () => gateway.feed.subscribers === 0);
    for (let i = 0; i < 20; i += 1) gateway.feed.notice(changed([AGENT.id]));
    const idle = await rawSocket(gateway.app, COOKIE);
    const closed = once(idle, 'close');
    await gateway.app.close();
    expect((await closed)[0]).toBe(1_001);
  });
});

describe('what a socket may ask', () => {
  it('S14: has the limits of HTTP: size, depth, directives, no schema, no fragments, subscriptions only', async () => {
    const client = liveClient(gateway.app, COOKIE);
    const refused = {
      query: '{ me { id } }',
      mutation: 'mutation { revokeAgent(org: "acme", id: "x") { id } }',
      characters: `subscription { fleetChanged(org: "acme") { reset } } # ${'x'.repeat(15_000)}`,
      tokens: `subscription { fleetChanged(org: "acme") { ${'reset '.repeat(1_001)} } }`,
      directives: `subscription { fleetChanged(org: "acme") { ${'reset @include(if: true) '.repeat(51)} } }`,
      aliases: `subscription { fleetChanged(org: "acme") { ${Array.from({ length: 16 }, (_, i) => `a${i}: reset`).join(' ')} } }`,
      introspection: 'subscription { fleetChanged(org: "acme") { reset } __schema { types { name } } }',
      unknown: 'subscription { fleetChanged(org: "acme") { nothing } }',
      several:
        'subscription { a: fleetChanged(org: "acme") { reset } b: fleetChanged(org: "acme") { reset } }',
      fragment:
        'subscription { fleetChanged(org: "acme") { ...A } } fragment A on FleetChange { reset ...A }',
      syntax: 'subscription { ',
      empty: '',
    };
    for (const [what, query] of Object.entries(refused)) {
      const ended = (await follow(client, query).ended) as { extensions?: { code: string } }[];
      expect([what, ended[0]?.extensions?.code]).toEqual([what, 'graphql.refused']);
    }
    expect(gateway.feed.subscribers).toBe(0);
    expect(gateway.logged).toEqual([]);
    await client.dispose();
  });

  it('S14: carries at most ten subscriptions', async () => {
    const client = liveClient(gateway.app, COOKIE);
    const followings = Array.from({ length: 11 }, () => follow(client, FLEET, { org: ORG.slug }));
    expect(await Promise.race(followings.map(({ ended }) => ended))).toMatchObject([
      { message: expect.stringContaining('at most 10') },
    ]);
    await until('ten subscribed', () => gateway.feed.subscribers === 10);
    await client.dispose();
  });

  it('cuts a socket that does not speak the protocol, and goes on for the others', async () => {
    const said: [string, number][] = [
      ['no JSON', 4_400],
      ['{"type":"subscribe","id":"1","payload":{"query":"{me{id}}"}}', 4_401],
      ['null', 4_400],
      ['{"type":"connection_init","payload":[]}', 4_400],
      ['x'.repeat(70_000), 1_009],
    ];
    for (const [message, code] of said) {
      const socket = await rawSocket(gateway.app, COOKIE);
      socket.send(message);
      expect([message.slice(0, 60), (await once(socket, 'close'))[0]]).toEqual([message.slice(0, 60), code]);
    }
    const wrong = await rawSocket(gateway.app, COOKIE, 'graphql-transport-ws').then((socket) => {
      socket.send(Buffer.from([0xff, 0xfe]));
      return once(socket, 'close');
    });
    expect(wrong[0]).toBe(4_400);
    expect(gateway.logged).toEqual([]);
  });
});
