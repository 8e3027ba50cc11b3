import { CAREFULLY } from '@keyfleet/contracts';
import { type ConvergenceCertificate, convergenceCertificate } from '@keyfleet/contracts/http';
import { canonicalJson, sha256Hex, verifyNkeySignature } from '@keyfleet/crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId, systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { type ModelAgent, World } from '../testing/world.js';
import { Certificates } from './certificates.js';

jest.setTimeout(60_000);

let world: World;
let certificates: Certificates;

beforeAll(async () => {
  world = await World.start();
  await world.distribution();
  certificates = new Certificates({
    ...{ sql: world.sql, store: world.store, clock: systemClock },
    signer: {
      sign: async (purpose, texts) => ({
        key: world.key.nkey,
        signatures: texts.map((lines) => world.key.sign([purpose, ...lines].join('\n'))),
      }),
    },
    access: {
      require: async ({ actor, orgId }, permission) => {
        if (actor === 'usr_stranger' || orgId === null) throw new KeyfleetError('resource.not-found');
        return { orgId, permissions: new Set([permission]) };
      },
    },
  });
}, 90_000);
afterAll(() => world?.stop());

const metaOf = (orgId: string, actor = 'usr_1') => ({
  ...{ commandId: newId('cmd'), actor, orgId, correlationId: 'request' },
});

async function certify(orgId: string, policyId: string, version: number): Promise<ConvergenceCertificate> {
  const { data } = await certificates.certify({ policyId, version }, metaOf(orgId));
  const [row] = await world.sql`
    select id, text, key, signature, policy_id as "policyId", version, at, converged, divergent, agents
    from policy.certificates where org_id = ${orgId} and id = ${data.certificateId}`;
  return convergenceCertificate.parse(row);
}

const standingOf = ({ agents }: ConvergenceCertificate, { agentId }: ModelAgent) => {
  const found = agents.find((agent) => agent.agentId === agentId);
  return found && `${found.state} ${found.reason}`;
};

async function given(agent: ModelAgent, version: number) {
  return waitFor(async () => {
    const row = await world.desired(agent.agentId);
    return row?.policies[0]?.version === version ? row.manifest : undefined;
  });
}

describe('a convergence certificate', () => {
  it('names each agent that has the version, and each that does not with its reason, and is signed', async () => {
    const orgId = newId('org');
    const [applied, refused, waiting, asleep, aside] = (await Promise.all(
      Array.from({ length: 5 }, () => world.agent(orgId, { env: 'prod' })),
    )) as [ModelAgent, ModelAgent, ModelAgent, ModelAgent, ModelAgent];
    await world.agent(orgId, { env: 'test' });
    const policyId = await world.publish(orgId, {
      target: { kind: 'selector', selector: 'labels.env = prod' },
      plan: { ...CAREFULLY, waves: [100], haltOn: { rejected: 9, deniedPercent: null } },
    });
    const manifest = await given(applied, 1);
    await applied.report(manifest);
    await refused.report(await given(refused, 1), 'invalid');
    await world.seen(orgId, asleep.agentId, { state: 'offline' });
    // A beat says it before the journal does.
    const { version, hash } = await given(aside, 1);
    await world.seen(orgId, aside.agentId, { version, hash });
    await aside.journal('PolicyBypassed', { until: '2100-01-01T00:00:00.000Z', reason: 'incident', version });
    const told = await waitFor(async () => {
      const certificate = await certify(orgId, policyId, 1);
      return standingOf(certificate, aside) === 'pending set-aside' && certificate;
    });
    expect([applied, refused, waiting, asleep].map((agent) => standingOf(told, agent))).toEqual([
      ...['converged null', 'rejected invalid', 'pending not-yet', 'offline offline'],
    ]);
    expect(told).toMatchObject({ converged: 1, divergent: 4 });
    expect(told.agents).toHaveLength(5);
    expect(told.agents.find(({ agentId }) => agentId === applied.agentId)?.actual).toBe(manifest.hash);
    expect(verifyNkeySignature(told.key, told.text, told.signature)).toBe(true);
    expect(told.id).toBe(sha256Hex(told.text));
    expect(told.text.split('\n')).toEqual([
      ...['keyfleet.convergence.v1', orgId, policyId, 'version 1', told.text.split('\n')[4]],
      ...['agents 5', 'converged 1', 'pending 2', 'rejected 1', 'offline 1', 'none 0'],
      `sha256 ${sha256Hex(canonicalJson(told.agents))}`,
    ]);
  });

  it('still names, after a version was taken back, exactly the agents that had it', async () => {
    const orgId = newId('org');
    const agents = await Promise.all(Array.from({ length: 4 }, () => world.agent(orgId)));
    const policyId = await world.publish(orgId);
    for (const agent of agents) await agent.report(await given(agent, 1));
    await waitFor(async () => (await world.typesOf(policyId)).includes('RolloutCompleted'));
    const plan = { waves: [1, 100], soakSeconds: 600, haltOn: { rejected: 1, deniedPercent: 20 } };
    await world.publish(orgId, { policyId, version: 2, from: 1, plan });
    const canary = await waitFor(async () => {
      for (const agent of agents)
        if ((await world.desired(agent.agentId))?.policies[0]?.version === 2) return agent;
      return undefined;
    });
    await canary.report(await given(canary, 2));
    await waitFor(async () => standingOf(await certify(orgId, policyId, 2), canary) === 'converged null');
    const during = await certify(orgId, policyId, 2);
    const others = agents.filter((agent) => agent !== canary);
    expect(others.map((agent) => standingOf(during, agent))).toEqual(others.map(() => 'none later-wave'));
    const usage = { policyVersion: 2, outcome: 'denied', count: 100 };
    await canary.journal('UsageReported', { rows: [usage] });
    await waitFor(async () => (await world.typesOf(policyId)).at(-1) === 'RolloutHalted');
    await canary.report(await given(canary, 1));
    const after = await waitFor(async () => {
      const certificate = await certify(orgId, policyId, 2);
      return standingOf(certificate, canary) === 'none taken-back' && certificate;
    });
    expect(others.map((agent) => standingOf(after, agent))).toEqual(others.map(() => 'none halted'));
    expect((await certify(orgId, policyId, 1)).converged).toBe(4);
  });

  it('S9: is of one’s own policies only, and of versions that there are', async () => {
    const orgId = newId('org');
    const policyId = await world.publish(orgId);
    const refused = { code: 'resource.not-found' };
    const ask = (version: number, org: string, actor?: string) =>
      certificates.certify({ policyId, version }, metaOf(org, actor));
    await expect(ask(1, newId('org'))).rejects.toMatchObject(refused);
    await expect(ask(2, orgId)).rejects.toMatchObject(refused);
    await expect(ask(1, orgId, 'usr_stranger')).rejects.toMatchObject(refused);
    await expect(ask(1, orgId)).resolves.toBeDefined();
  });
});
