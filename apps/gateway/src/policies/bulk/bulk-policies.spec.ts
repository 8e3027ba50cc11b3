import { bulkPoliciesAnswer } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import { testRedis } from '@keyfleet/testing';
import { Redis } from 'ioredis';
import {
  FOREIGN_ORG,
  type GatewayDouble,
  gatewayDouble,
  ORG,
  SESSION,
  VIEWER_SESSION,
} from '../../testing/double.js';
import { PolicyServiceDouble } from '../../testing/policy-service.js';

let redis: Redis;
const service = new PolicyServiceDouble();
let gateway: GatewayDouble;

beforeAll(async () => {
  redis = new Redis((await testRedis()).url);
  gateway = await gatewayDouble(redis, { commands: service, policies: service.reads });
  await gateway.app.getHttpAdapter().getInstance().ready();
}, 60_000);

beforeEach(() => {
  service.asked.length = 0;
  service.faults.clear();
});

afterAll(async () => {
  await gateway.app.close();
  redis.disconnect();
});

interface Given {
  readonly dryRun?: boolean;
  readonly headers?: Record<string, string>;
  readonly session?: string;
  readonly org?: string;
}

const ask = (
  payload: object,
  { dryRun = false, headers = {}, session = SESSION, org = ORG.slug }: Given = {},
) =>
  gateway.app.inject({
    ...{ method: 'POST', url: `/api/v1/orgs/${org}/policies/bulk${dryRun ? '?dryRun=true' : ''}` },
    ...{ payload, headers, cookies: { keyfleet_session: session } },
  });

/** Its outcomes, in the order asked. */
async function outcomes(payload: object, given?: Given): Promise<string[]> {
  const answer = await ask(payload, given);
  expect([answer.statusCode, answer.json().code]).toEqual([200, undefined]);
  return bulkPoliciesAnswer.parse(answer.json()).items.map(({ outcome, code }) => code ?? outcome);
}

const everybody = { kind: 'organisation' };
const everybodyIn = (...policies: string[]) => ({ action: 'assign', policies, target: everybody });
const rollout = (control: string, ...policies: string[]) => ({ action: 'rollout', policies, control });
const published = (name: string) => service.policy(ORG.id, name, { versions: 1 });
const drafted = (name: string) => service.policy(ORG.id, name);

describe('many policies at once', () => {
  it('are each changed, left as they are or refused, in the order asked, whatever becomes of the others', async () => {
    const [one, two, retired] = [await published('One'), await published('Two'), await drafted('Old')];
    const foreign = await service.policy(FOREIGN_ORG.id, 'Theirs');
    expect(await outcomes(everybodyIn(two))).toEqual(['done']);
    expect(await outcomes({ action: 'retire', policies: [retired] })).toEqual(['done']);
    const absent = newId('pol');
    const answer = await ask(everybodyIn(retired, one, foreign, two, absent));
    expect(answer.json()).toEqual({
      ...{ dryRun: false, done: 1, would: 0, unchanged: 1, refused: 3 },
      items: [
        refused(retired, 'Old', 'resource.conflict', 'This policy was retired.'),
        { ...{ id: one, name: 'One', outcome: 'done' }, code: null, detail: null, agents: null },
        refused(foreign, null, 'resource.not-found', NOTHING),
        { ...{ id: two, name: 'Two', outcome: 'unchanged' }, code: null, detail: null, agents: null },
        refused(absent, null, 'resource.not-found', NOTHING),
      ],
    });
    expect(answer.headers['keyfleet-position']).toMatch(/^\d+$/);
    expect((await service.typesOf(one)).at(-1)).toBe('PolicyAssigned');
    expect(await service.typesOf(foreign)).toEqual(['PolicyDrafted']);
  });

  const NOTHING = 'There is nothing under this name that you may see.';
  const refused = (id: string, name: string | null, code: string, detail: string) => ({
    ...{ id, name, outcome: 'refused', code, detail, agents: null },
  });

  it('are taken back, retired, paused, let go on and halted', async () => {
    const [one, two] = [await published('One'), await drafted('Two')];
    const steps: [object, string[]][] = [
      [everybodyIn(one, two), ['done', 'done']],
      [{ ...everybodyIn(one, two), action: 'unassign' }, ['done', 'done']],
      [{ ...everybodyIn(one, two), action: 'unassign' }, ['unchanged', 'unchanged']],
      [rollout('pause', one, two), ['done', 'resource.conflict']],
      [rollout('pause', one), ['unchanged']],
      [rollout('resume', one), ['done']],
      [rollout('halt', one, two), ['done', 'resource.conflict']],
      [rollout('halt', one), ['unchanged']],
      [rollout('resume', one), ['resource.conflict']],
      [{ action: 'retire', policies: [one, two] }, ['done', 'done']],
      [{ action: 'retire', policies: [one, two] }, ['unchanged', 'unchanged']],
    ];
    for (const [asked, expected] of steps) {
      const foreseen = await outcomes(asked, { dryRun: true });
      expect([asked, foreseen]).toEqual([asked, expected.map((one) => (one === 'done' ? 'would' : one))]);
      expect([asked, await outcomes(asked)]).toEqual([asked, expected]);
    }
  });

  it('are only looked at in a dry run, which says how many agents each would meet', async () => {
    const [one, two] = [await published('One'), await drafted('Two')];
    const foreign = await service.policy(FOREIGN_ORG.id, 'Theirs');
    const before = await service.typesOf(one);
    const items = async (asked: object) => {
      const answer = await ask(asked, { dryRun: true });
      expect(answer.headers['keyfleet-position']).toBeUndefined();
      const { dryRun, would, items: all } = bulkPoliciesAnswer.parse(answer.json());
      expect([dryRun, would]).toEqual([true, all.filter(({ outcome }) => outcome === 'would').length]);
      return all.map(({ name, outcome, agents }) => [name, outcome, agents]);
    };
    expect(await items(everybodyIn(one, two, foreign))).toEqual([
      ['One', 'would', 1],
      ['Two', 'would', 1],
      [null, 'refused', null],
    ]);
    // Nine should decide by either version; three by the one that is rolled out.
    expect(await items({ action: 'retire', policies: [one] })).toEqual([['One', 'would', 9]]);
    expect(await items(rollout('pause', one, two))).toEqual([
      ['One', 'would', 9],
      ['Two', 'refused', null],
    ]);
    expect(await items(rollout('halt', one))).toEqual([['One', 'would', 3]]);
    expect(await service.typesOf(one)).toEqual(before);
    expect(service.asked).toEqual([]);
  });

  it('do nothing twice where the key is the same, and refuse the key for something else', async () => {
    const [one, two] = [await published('One'), await published('Two')];
    const headers = { 'idempotency-key': 'once' };
    const asked = everybodyIn(one, two);
    const first = await ask(asked, { headers });
    expect(await outcomes({ ...asked, action: 'unassign' })).toEqual(['done', 'done']);
    const happened = await service.typesOf(one);
    const again = await ask(asked, { headers });
    expect([again.json(), again.headers['keyfleet-position']]).toEqual([
      first.json(),
      first.headers['keyfleet-position'],
    ]);
    expect(first.json()).toMatchObject({ done: 2 });
    expect(await service.typesOf(one)).toEqual(happened);
    expect(await outcomes({ action: 'retire', policies: [one] }, { headers })).toEqual([
      'idempotency.mismatch',
    ]);
  });

  it('tell of a service that is away, or fails, policy by policy, and leave it alone after a while', async () => {
    const ids = await Promise.all([...'abcdefghijkl'].map((name) => published(name)));
    const [first = '', second = '', ...others] = ids;
    service.faults.set(first, 'store.unavailable').set(second, 'internal.error');
    const answer = await ask(everybodyIn(first, second, ...others.slice(0, 2)));
    const told = bulkPoliciesAnswer.parse(answer.json());
    expect(told.items.map(({ code, outcome }) => code ?? outcome)).toEqual([
      ...['store.unavailable', 'internal.error', 'done', 'done'],
    ]);
    expect(gateway.logged).toEqual([expect.objectContaining({ policyId: second })]);
    for (const id of ids) service.faults.set(id, 'service.unavailable');
    service.asked.length = 0;
    expect(await outcomes({ action: 'retire', policies: ids })).toEqual(ids.map(() => 'service.unavailable'));
    expect(service.asked.length).toBeLessThan(ids.length);
    expect(service.load.most).toBeLessThanOrEqual(4);
  });

  it.each<[string, (id: string) => object, string]>([
    ['no policy', () => everybodyIn(), '/policies'],
    [
      'more than a hundred',
      () => everybodyIn(...Array.from({ length: 101 }, () => newId('pol'))),
      '/policies',
    ],
    ['one twice', (id) => everybodyIn(newId('pol'), id, id), '/policies/2'],
    ['no id of a policy', () => everybodyIn('grp_1'), '/policies/0'],
    ['no target', (id) => ({ action: 'assign', policies: [id] }), '/target'],
    ['a foreign word', (id) => ({ action: 'retire', policies: [id], target: everybody }), ''],
    ['another control', (id) => rollout('advance', id), '/control'],
    ['another action', (id) => ({ action: 'publish', policies: [id] }), '/action'],
    [
      'a selector nobody can read',
      (id) => ({ ...everybodyIn(id), target: { kind: 'selector', selector: 'labels.env =' } }),
      '/target/selector',
    ],
  ])('are refused as a whole for %s, with the place', async (_what, asked, pointer) => {
    const id = await published('One');
    for (const dryRun of [true, false]) {
      const answer = await ask(asked(id), { dryRun });
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'request.invalid']);
      expect(answer.json().errors[0].pointer).toBe(pointer);
    }
    expect(service.asked).toEqual([]);
  });

  it('take no revision of one resource', async () => {
    const headers = { 'if-match': 'W/"1"' };
    const answer = await ask(everybodyIn(await published('One')), { headers });
    expect([answer.statusCode, answer.json().errors]).toEqual([
      400,
      [expect.objectContaining({ pointer: 'header/if-match' })],
    ]);
  });

  it('say in a dry run that there is no such group or agent, as the service would', async () => {
    const one = await published('One');
    for (const [target, detail] of [
      [{ kind: 'group', groupId: newId('grp') }, 'There is no such group.'],
      [{ kind: 'agent', agentId: newId('agt') }, 'There is no such agent.'],
    ]) {
      const answer = await ask({ ...everybodyIn(one), target }, { dryRun: true });
      expect(answer.json().items).toEqual([
        expect.objectContaining({ outcome: 'refused', code: 'request.invalid', detail }),
      ]);
    }
  });

  it('S9: are for those who may publish, in their own organisation', async () => {
    const one = await published('One');
    for (const dryRun of [true, false]) {
      const viewer = await ask(everybodyIn(one), { session: VIEWER_SESSION, dryRun });
      expect([viewer.statusCode, viewer.json().detail]).toEqual([
        403,
        expect.stringContaining('policies:publish'),
      ]);
      const elsewhere = await ask(everybodyIn(one), { org: FOREIGN_ORG.slug, dryRun });
      expect(elsewhere.statusCode).toBe(404);
    }
    expect(service.asked).toEqual([]);
  });
});

describe('many policies at once over GraphQL', () => {
  const graphql = async (input: object, session = SESSION, dryRun = false) => {
    const query = `mutation ($org: String!, $input: BulkPoliciesInput!, $dryRun: Boolean!) {
      bulkPolicies(org: $org, input: $input, dryRun: $dryRun) {
        dryRun done would unchanged refused position items { id name outcome code detail agents } } }`;
    const payload = { query, variables: { org: ORG.slug, input, dryRun } };
    const cookies = { keyfleet_session: session };
    return (await gateway.app.inject({ method: 'POST', url: '/api/graphql', payload, cookies })).json();
  };

  it('are answered as over REST', async () => {
    const [one, absent] = [await published('One'), newId('pol')];
    const asked = everybodyIn(one, absent);
    const overRest = (await ask(asked, { dryRun: true })).json();
    const foreseen = (await graphql(asked, SESSION, true)).data.bulkPolicies;
    expect(foreseen).toEqual({ ...overRest, position: null });
    expect(await service.typesOf(one)).not.toContain('PolicyAssigned');
    const { data } = await graphql(asked);
    expect(data.bulkPolicies).toMatchObject({
      dryRun: false,
      done: 1,
      refused: 1,
      position: expect.any(String),
    });
    expect(await service.typesOf(one)).toContain('PolicyAssigned');
  });

  it('refuse what the contract refuses, and who may not', async () => {
    const one = await published('One');
    const twice = await graphql(everybodyIn(one, one));
    expect(twice.errors[0].extensions).toMatchObject({
      ...{ code: 'request.invalid', errors: [{ pointer: '/policies/1' }] },
    });
    const viewer = await graphql(everybodyIn(one), VIEWER_SESSION);
    expect(viewer.errors[0].extensions.code).toBe('auth.forbidden');
    expect(service.asked).toEqual([]);
  });
});
