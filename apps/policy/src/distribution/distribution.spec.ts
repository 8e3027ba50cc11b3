import { createHash } from 'node:crypto';
import { policyBundle } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { allow, type ModelAgent, World } from '../testing/world.js';
import type { Distribution } from './start.js';

jest.setTimeout(60_000);

let world: World;
let replicas: Distribution[] = [];

beforeAll(async () => {
  world = await World.start();
}, 90_000);
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.close()));
});
afterAll(() => world?.stop());

async function distribute(count = 1): Promise<void> {
  replicas = await Promise.all(Array.from({ length: count }, () => world.distribution()));
}

const hasManifest = (agentId: string, version: number) =>
  waitFor(async () => {
    const row = await world.desired(agentId);
    return row?.manifest && row.version >= version ? row : undefined;
  });

async function fleet(orgId: string, count: number): Promise<ModelAgent[]> {
  return Promise.all(Array.from({ length: count }, () => world.agent(orgId)));
}

/** Everything was looked at twice more, from the beginning to the end. */
async function looked(): Promise<void> {
  const looks = () => world.signed.flat().filter((text) => text === 'which-key').length;
  const before = looks();
  await waitFor(() => looks() >= before + 3);
}

async function fetchBundle(agent: ModelAgent, hash: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let offset = 0; ; ) {
    const reply = await agent.ask({ v: 1, kind: 'bundle', hash, offset });
    if (!('data' in reply)) throw new Error(JSON.stringify(reply));
    pieces.push(Buffer.from(reply.data, 'base64'));
    offset += pieces.at(-1)?.byteLength ?? 0;
    if (offset >= reply.total) return Buffer.concat(pieces);
  }
}

describe('what agents should decide by', () => {
  it('is pushed as a signed manifest, answered again, and fetched in pieces by its hash', async () => {
    const orgId = newId('org');
    const agent = await world.agent(orgId, { env: 'prod' });
    await distribute();
    const document = {
      statements: Array.from({ length: 900 }, (_, n) => ({
        ...allow(`s${n}`, `team/${'x'.repeat(60)}/app-${n}`).statements[0],
      })),
    } as ReturnType<typeof allow>;
    const policyId = await world.publish(orgId, { document });
    const manifest = await waitFor(() => agent.pushed[0]);
    expect(manifest).toMatchObject({ orgId, agentId: agent.agentId, version: 1 });
    expect(await agent.ask({ v: 1, kind: 'manifest', have: 0 })).toEqual({ manifest });
    const bytes = await fetchBundle(agent, manifest.hash);
    expect(bytes.byteLength).toBe(manifest.bytes);
    expect(bytes.byteLength).toBeGreaterThan(128 * 1024);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(manifest.hash);
    expect(policyBundle.parse(JSON.parse(bytes.toString()))).toEqual({
      ...{ v: 1, orgId, policies: [{ policyId, version: 1, statements: document.statements }] },
    });
  });

  it('brings a small bundle with the push, not a large one, and asks many to report over some time', async () => {
    const orgId = newId('org');
    const agents = await Promise.all(Array.from({ length: 3 }, () => world.agent(orgId)));
    await distribute();
    const policyId = await world.publish(orgId, { document: allow('small') });
    for (const agent of agents) {
      const { manifest, bundle = '', reportWithinMs } = await waitFor(() => agent.pushes[0]);
      const bytes = Buffer.from(bundle, 'base64');
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(manifest.hash);
      expect(policyBundle.parse(JSON.parse(bytes.toString())).policies[0]?.policyId).toBe(policyId);
      expect(await agent.ask({ v: 1, kind: 'bundle', hash: manifest.hash, offset: 0 })).toMatchObject({
        data: bytes.toString('base64'),
      });
      expect(reportWithinMs).toBe(6);
    }
    const many = Array.from({ length: 200 }, (_, n) => ({
      ...allow(`s${n}`, `team/app-${n}`).statements[0],
    }));
    const document = { statements: many } as ReturnType<typeof allow>;
    await world.publish(orgId, { document });
    const large = await waitFor(() => agents[0]?.pushes.find(({ manifest }) => manifest.bytes > 8_192));
    expect(large.bundle).toBeUndefined();
  });

  it('follows targets: the organisation, a group, a selector, one agent; and labels that change', async () => {
    const orgId = newId('org');
    const [prod, test] = [
      await world.agent(orgId, { env: 'prod' }),
      await world.agent(orgId, { env: 'test' }),
    ];
    const stranger = await world.agent(newId('org'), { env: 'prod' });
    const groupId = newId('grp');
    const define = (selector: string) =>
      world.append(`group-${groupId}`, orgId, [
        ['GroupDefined', { groupId, name: 'g', selector, offlineAfterSeconds: null }],
      ]);
    await define('labels.env = nothing');
    await distribute();
    const all = await world.publish(orgId);
    const grouped = await world.publish(orgId, { target: { kind: 'group', groupId } });
    const selected = await world.publish(orgId, {
      target: { kind: 'selector', selector: 'labels.env = prod' },
    });
    const single = await world.publish(orgId, { target: { kind: 'agent', agentId: test.agentId } });
    const has = (agent: ModelAgent, ...ids: string[]) =>
      waitFor(async () => {
        const row = await world.desired(agent.agentId);
        const got = row?.policies.map(({ policyId }) => policyId).sort();
        return row?.manifest && JSON.stringify(got) === JSON.stringify(ids.sort());
      });
    await has(prod, all, selected);
    await has(test, all, single);
    await define('labels.env = test');
    await has(test, all, single, grouped);
    await world.append(`agent-${test.agentId}`, orgId, [
      ['AgentLabelled', { agentId: test.agentId, labels: { env: 'prod' } }],
    ]);
    await has(test, all, single, selected);
    await world.append(`policy-${all}`, orgId, [['PolicyRetired', { policyId: all }]]);
    await has(prod, selected);
    await world.append(`policy-${selected}`, orgId, [
      ['PolicyUnassigned', { policyId: selected, assignmentId: 'one' }],
    ]);
    // An empty bundle says that no policy holds any more.
    await has(prod);
    expect(await world.desired(stranger.agentId)).toBeUndefined();
    expect(await stranger.ask({ v: 1, kind: 'manifest', have: 0 })).toEqual({ manifest: null });
    const versions = prod.pushed.map(({ version }) => version);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
  });

  it('F15: two replicas at once give each agent one row of versions, one above the other', async () => {
    const orgId = newId('org');
    const agents = await Promise.all(Array.from({ length: 5 }, () => world.agent(orgId)));
    await distribute(2);
    const policyId = await world.publish(orgId);
    for (const { agentId } of agents) await hasManifest(agentId, 1);
    for (let version = 2; version <= 4; version += 1) {
      await world.append(`policy-${policyId}`, orgId, [
        ['RolloutHalted', { policyId, version: version - 1, wave: 0, from: null, reason: 'requested' }],
      ]);
      await world.publish(orgId, { policyId, version, from: version - 1 });
      // The one that works ends in between.
      if (version === 3) await replicas.shift()?.close();
      for (const { agentId } of agents)
        await waitFor(async () => {
          const row = await world.desired(agentId);
          return row?.manifest && row.policies[0]?.version === version;
        });
    }
    const last = await Promise.all(agents.map(({ agentId }) => world.desired(agentId)));
    expect(new Set(last.map((row) => row?.hash)).size).toBe(1);
    for (const agent of agents) {
      await waitFor(() => agent.pushed.at(-1)?.hash === last[0]?.hash);
      const given = new Map(agent.pushed.map(({ version, hash }) => [version, hash]));
      expect(agent.pushed.every(({ version, hash }) => given.get(version) === hash)).toBe(true);
      expect(last[0]?.version).toBeGreaterThanOrEqual(4);
    }
  });

  it('has a version above the highest an agent reports, by its beats or by what it asks', async () => {
    const orgId = newId('org');
    const [beating, asking] = [await world.agent(orgId), await world.agent(orgId)];
    await world.seen(orgId, beating.agentId, { version: 41, hash: 'f'.repeat(64) });
    await distribute();
    await world.publish(orgId);
    expect((await hasManifest(beating.agentId, 1)).version).toBe(42);
    expect((await hasManifest(asking.agentId, 1)).version).toBe(1);
    expect(await asking.ask({ v: 1, kind: 'manifest', have: 17 })).toHaveProperty('retryAfterMs');
    expect((await hasManifest(asking.agentId, 2)).version).toBe(18);
    const reply = await asking.ask({ v: 1, kind: 'manifest', have: 17 });
    expect(reply).toMatchObject({ manifest: { version: 18 } });
    // The table is lost: numbers go on where agents are.
    await world.seen(orgId, beating.agentId, { version: 42, hash: 'e'.repeat(64) });
    await world.sql`delete from policy.desired where agent_id = ${beating.agentId}`;
    expect((await hasManifest(beating.agentId, 1)).version).toBe(43);
  });

  it('repro: an agent that knows our number as that of another bundle, as after a restore, gets a higher one', async () => {
    const orgId = newId('org');
    const agents = await fleet(orgId, 5);
    const [beating, applied, refusing, onItsWay, silent] = agents as [
      ...[ModelAgent, ModelAgent, ModelAgent, ModelAgent, ModelAgent],
    ];
    // What the backup knew of it; it has moved on once since, and says so only after the first look.
    await world.seen(orgId, beating.agentId, { version: 4, hash: 'c'.repeat(64) });
    await distribute();
    const policyId = await world.publish(orgId);
    const given = await Promise.all(
      agents.map(async ({ agentId }) => (await hasManifest(agentId, 1)).version),
    );
    expect(given).toEqual([5, 1, 1, 1, 1]);
    await world.seen(orgId, beating.agentId, { version: 5, hash: 'f'.repeat(64) });
    await applied.journal('PolicyApplied', { version: 1, hash: 'f'.repeat(64) });
    // One that cannot vouch for its files has no policy in its beats.
    await refusing.report(await waitFor(() => refusing.pushed[0]), 'older');
    for (const [agent, version] of [
      [beating, 6],
      [applied, 2],
      [refusing, 2],
    ] as const)
      await agent.report(await waitFor(() => agent.pushed.find((one) => one.version === version)));
    for (const agent of [onItsWay, silent]) await agent.report(await waitFor(() => agent.pushed[0]));
    await waitFor(async () => (await world.typesOf(policyId)).at(-1) === 'RolloutCompleted');
    await world.publish(orgId, { policyId, version: 2, from: 1 });
    await hasManifest(onItsWay.agentId, 2);
    // Another bundle under a lower number is what an agent on its way still has.
    await world.seen(orgId, onItsWay.agentId, { version: 1, hash: 'b'.repeat(64) });
    await looked();
    const last = await Promise.all(
      agents.map(async ({ agentId }) => (await world.desired(agentId))?.version),
    );
    expect(last).toEqual([7, 3, 3, 2, 2]);
  });

  it('repro: what another command key signed is signed again under the same number, once, and told', async () => {
    const orgId = newId('org');
    const [one, two] = (await fleet(orgId, 2)) as [ModelAgent, ModelAgent];
    await distribute();
    const policyId = await world.publish(orgId);
    const first = await waitFor(() => one.pushed[0]);
    await one.report(first);
    const since = () =>
      world.sql`select agent_id, since from policy.desired where org_id = ${orgId} order by 1`;
    await waitFor(() => two.pushed[0]);
    const before = await since();
    world.rotateKey();
    const { key } = world;
    for (const agent of [one, two]) {
      const renewed = await waitFor(() => agent.pushed.find((manifest) => manifest.key === key.nkey));
      expect(renewed).toMatchObject({ version: 1, hash: first.hash, bytes: first.bytes });
      expect(await agent.ask({ v: 1, kind: 'manifest', have: 0 })).toEqual({ manifest: renewed });
    }
    expect(await since()).toEqual(before);
    expect((await world.typesOf(policyId)).at(-1)).toBe('RolloutStarted');
    await two.report(first);
    await waitFor(async () => (await world.typesOf(policyId)).at(-1) === 'RolloutCompleted');
    await looked();
    const signed = world.signed.flat().filter((text) => text.includes(one.agentId));
    expect(signed).toHaveLength(2);
  });

  it('says nothing, and not that there is nothing, to an agent whose row is lost and not yet written anew', async () => {
    const agent = await world.agent(newId('org'));
    await distribute();
    await waitFor(async () => 'manifest' in (await agent.ask({ v: 1, kind: 'manifest', have: 0 })));
    expect(await agent.ask({ v: 1, kind: 'manifest', have: 0 })).toEqual({ manifest: null });
    expect(await agent.ask({ v: 1, kind: 'manifest', have: 3 })).toHaveProperty('retryAfterMs');
    // Its beat says the same, and no policy holds for it: that is said by a bundle of its own.
    await world.seen(agent.orgId, agent.agentId, { version: 3, hash: 'd'.repeat(64) });
    await world.publish(agent.orgId, { target: { kind: 'selector', selector: 'labels.env = none' } });
    const row = await hasManifest(agent.agentId, 1);
    expect([row.version, row.policies]).toEqual([4, []]);
  });

  it('S9: an agent of another organisation gets neither bundle nor manifest, and nonsense is refused', async () => {
    const [own, other] = [newId('org'), newId('org')];
    const [agent, stranger] = [await world.agent(own), await world.agent(other)];
    await distribute(2);
    await world.publish(own);
    const { hash } = await waitFor(() => agent.pushed[0]);
    const request = { v: 1, kind: 'bundle', hash, offset: 0 } as const;
    expect(await agent.ask(request)).toHaveProperty('data');
    expect(await stranger.ask(request)).toEqual({ code: 'resource.not-found' });
    expect(await stranger.ask({ v: 1, kind: 'manifest', have: 0 })).toEqual({ manifest: null });
    expect(await agent.ask({ ...request, offset: 10 ** 9 })).toEqual({ code: 'resource.not-found' });
    expect(await agent.ask({ ...request, hash: 'no hash' })).toEqual({ code: 'request.invalid' });
    expect(await agent.ask({ hello: 'there' } as never)).toEqual({ code: 'request.invalid' });
  });
});
