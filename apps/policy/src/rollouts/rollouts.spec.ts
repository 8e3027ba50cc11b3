import { AT_ONCE, type RolloutPlan } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { type ModelAgent, World } from '../testing/world.js';
import { readFigures } from './figures.js';

jest.setTimeout(60_000);

let world: World;

beforeAll(async () => {
  world = await World.start();
  await Promise.all([world.distribution(), world.distribution()]);
}, 90_000);
afterAll(() => world?.stop());

const FIRST_ONE: RolloutPlan = {
  waves: [1, 100],
  soakSeconds: 0,
  haltOn: { rejected: 1, deniedPercent: 20 },
};

async function fleet(orgId: string, count: number): Promise<ModelAgent[]> {
  return Promise.all(Array.from({ length: count }, () => world.agent(orgId)));
}

/** Applies, or refuses, the newest manifest once it decides by this version of the policy. */
async function answer(agent: ModelAgent, version: number, code?: 'invalid'): Promise<void> {
  const manifest = await waitFor(async () => {
    const row = await world.desired(agent.agentId);
    return row?.policies[0]?.version === version ? row.manifest : undefined;
  });
  await agent.report(manifest, code);
}

const versionsOf = async (agents: readonly ModelAgent[]) => {
  const rows = await Promise.all(agents.map(({ agentId }) => world.desired(agentId)));
  return rows.map((row) => row?.policies[0]?.version ?? null);
};
const happened = (policyId: string, type: string) =>
  waitFor(async () => (await world.typesOf(policyId)).at(-1) === type);

async function published(orgId: string, agents: readonly ModelAgent[]): Promise<string> {
  const policyId = await world.publish(orgId);
  await Promise.all(agents.map((agent) => answer(agent, 1)));
  await happened(policyId, 'RolloutCompleted');
  return policyId;
}

describe('a rollout in waves', () => {
  it('goes from one agent to all and completes, when each has applied, and waits for nobody who is offline', async () => {
    const orgId = newId('org');
    const agents = await fleet(orgId, 6);
    const policyId = await published(orgId, agents);
    await world.publish(orgId, { policyId, version: 2, from: 1, plan: FIRST_ONE });
    const canaries = await waitFor(async () => {
      const versions = await versionsOf(agents);
      return versions.includes(2) ? agents.filter((_, index) => versions[index] === 2) : undefined;
    });
    expect(canaries.length).toBeLessThan(6);
    await Promise.all(canaries.map((agent) => answer(agent, 2)));
    await waitFor(async () => (await versionsOf(agents)).every((version) => version === 2));
    const [asleep, ...others] = agents.filter((agent) => !canaries.includes(agent));
    await world.seen(orgId, (asleep as ModelAgent).agentId, { state: 'offline' });
    await Promise.all(others.map((agent) => answer(agent, 2)));
    await happened(policyId, 'RolloutCompleted');
    const events = await world.store.readStream(`policy-${policyId}`);
    expect(events.at(-1)?.data).toMatchObject({ version: 2, agents: 6 });
    expect(events.filter(({ type }) => type === 'RolloutAdvanced')).toHaveLength(1);
  });

  it('halts at a refusal, with its figures, and everybody goes back under a higher version', async () => {
    const orgId = newId('org');
    const agents = await fleet(orgId, 5);
    const policyId = await published(orgId, agents);
    await world.publish(orgId, { policyId, version: 2, from: 1, plan: FIRST_ONE });
    const index = await waitFor(async () => (await versionsOf(agents)).indexOf(2) + 1);
    const canary = agents[index - 1] as ModelAgent;
    await answer(canary, 2, 'invalid');
    await happened(policyId, 'RolloutHalted');
    const halted = (await world.store.readStream(`policy-${policyId}`)).at(-1);
    expect(halted?.data).toMatchObject({ version: 2, from: 1, reason: 'rejected', rejected: 1, wave: 0 });
    await waitFor(async () => (await versionsOf(agents)).every((version) => version === 1));
    const back = await waitFor(() => canary.pushed.find(({ version }) => version === 3));
    expect(back.hash).toBe(canary.pushed[0]?.hash);
  });

  it('halts where too many requests are denied under the new version', async () => {
    const orgId = newId('org');
    const agents = await fleet(orgId, 3);
    const policyId = await published(orgId, agents);
    const plan = { ...FIRST_ONE, soakSeconds: 600 };
    await world.publish(orgId, { policyId, version: 2, from: 1, plan });
    const index = await waitFor(async () => (await versionsOf(agents)).indexOf(2) + 1);
    const canary = agents[index - 1] as ModelAgent;
    await answer(canary, 2);
    const usage = (policyVersion: number, outcome: string, count: number) => ({
      policyVersion,
      outcome,
      count,
    });
    // Those under the version before say nothing about this one.
    await canary.journal('UsageReported', { rows: [usage(1, 'denied', 1_000), usage(2, 'allowed', 50)] });
    await canary.journal('UsageReported', { rows: [usage(2, 'denied', 40)] });
    await happened(policyId, 'RolloutHalted');
    const halted = (await world.store.readStream(`policy-${policyId}`)).at(-1);
    expect(halted?.data).toMatchObject({ reason: 'denied', denied: 40, rejected: 0 });
    await waitFor(async () => (await versionsOf(agents)).every((version) => version === 1));
  });

  it('is not halted by an agent that is ahead of us, as after a restore: it gets a higher number', async () => {
    const orgId = newId('org');
    const [agent] = (await fleet(orgId, 1)) as [ModelAgent];
    const policyId = await world.publish(orgId);
    const manifest = await waitFor(() => agent.pushed[0]);
    await agent.report(manifest, 'older');
    await waitFor(async () => {
      const [row] = await world.sql`
        select rejected_code from policy.agent_reports where agent_id = ${agent.agentId}`;
      return row?.['rejected_code'] === 'older';
    });
    const figures = await readFigures(world.sql, orgId, { policyId, version: 1 });
    expect(figures).toMatchObject({ agents: 1, waiting: 1, rejected: 0 });
    await world.seen(orgId, agent.agentId, { version: 9, hash: 'f'.repeat(64) });
    await agent.report(await waitFor(() => agent.pushed.find(({ version }) => version === 10)));
    await happened(policyId, 'RolloutCompleted');
  });

  it('takes a first version back to nothing, said by an empty bundle', async () => {
    const orgId = newId('org');
    const agents = await fleet(orgId, 2);
    const policyId = await world.publish(orgId, { plan: AT_ONCE });
    await answer(agents[0] as ModelAgent, 1, 'invalid');
    await happened(policyId, 'RolloutHalted');
    for (const agent of agents) {
      const last = await waitFor(() => agent.pushed.find(({ version }) => version === 2));
      expect((await world.desired(agent.agentId))?.policies).toEqual([]);
      expect(last.hash).toBe((await world.desired(agent.agentId))?.hash);
    }
  });
});
