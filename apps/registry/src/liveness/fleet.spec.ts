import { newId } from '@keyfleet/platform';
import { LivenessWorld, type LivingAgent, type TestReplica } from './testing/world.js';

describe('the silence of a fleet', () => {
  let world: LivenessWorld;
  let replica: TestReplica;
  const [many, few] = [newId('org'), newId('org')];

  beforeEach(async () => {
    world = await LivenessWorld.create();
    replica = await world.replica();
  });

  afterEach(async () => {
    await world.close();
  });

  function stop(agents: readonly LivingAgent[]): void {
    for (const agent of agents) agent.alive = false;
  }

  it('F3: 60 % of an organisation at once are one FleetSilenceDetected, with every transition; few agents are none', async () => {
    const fleet = await world.enrol(20, many);
    const small = await world.enrol(4, few);
    await world.pass(60, replica);
    stop(fleet.slice(0, 12));
    stop(small);
    await world.pass(180, replica);
    expect(await world.events('AgentWentOffline')).toHaveLength(16);
    const detected = await world.events('FleetSilenceDetected');
    expect(detected).toMatchObject([
      { stream: `fleet-${many}`, metadata: { orgId: many }, data: { total: 20 } },
    ]);
    const { silent, agentIds } = detected[0]?.data as { silent: number; agentIds: string[] };
    expect(silent).toBeGreaterThanOrEqual(6);
    expect(fleet.slice(0, 12).map(({ agentId }) => agentId)).toEqual(expect.arrayContaining(agentIds));
    expect(await world.events('FleetSilenceEnded')).toEqual([]);

    for (const agent of fleet) agent.alive = true;
    await world.pass(60, replica);
    expect(await world.events('FleetSilenceEnded')).toMatchObject([
      { stream: `fleet-${many}`, revision: 1n, data: { total: 20 } },
    ]);
    expect(await world.states()).toEqual({ online: 20, offline: 4 });
  });

  it('F3: agents that go one after the other are no silence of the fleet', async () => {
    const fleet = await world.enrol(10, many);
    await world.pass(60, replica);
    for (const agent of fleet.slice(0, 6)) {
      stop([agent]);
      await world.pass(60, replica);
    }
    await world.pass(120, replica);
    expect(await world.events('AgentWentOffline')).toHaveLength(6);
    expect(await world.events('FleetSilenceDetected')).toEqual([]);
  });

  it('F3: a second silence after the first ended is told of again', async () => {
    const fleet = await world.enrol(8, many);
    await world.pass(60, replica);
    for (let time = 0; time < 2; time += 1) {
      stop(fleet);
      await world.pass(140, replica);
      for (const agent of fleet) agent.alive = true;
      await world.pass(60, replica);
    }
    const stream = await world.store.readStream(`fleet-${many}`);
    expect(stream.map(({ type }) => type)).toEqual([
      'FleetSilenceDetected',
      'FleetSilenceEnded',
      'FleetSilenceDetected',
      'FleetSilenceEnded',
    ]);
  });
});

describe('how long an agent may be silent', () => {
  let world: LivenessWorld;

  beforeEach(async () => {
    world = await LivenessWorld.create();
  });

  afterEach(async () => {
    await world.close();
  });

  it('is what the strictest of its groups says', async () => {
    const replica = await world.replica();
    const [patient, strict] = (await world.enrol(2)) as [LivingAgent, LivingAgent];
    await world.pass(40, replica);
    await world.watch(patient, { offlineAfter: 240 });
    await world.watch(strict, { offlineAfter: 45 });
    stopped(patient, strict);
    await world.pass(75, replica);
    expect(await world.events('AgentWentOffline')).toMatchObject([{ data: { agentId: strict.agentId } }]);
    await world.pass(120, replica);
    expect(await world.events('AgentWentOffline')).toHaveLength(1);
    await world.pass(80, replica);
    expect(await world.events('AgentWentOffline')).toHaveLength(2);
  });

  it('is four minutes for one that enrolled and never came, and its first beat is still its first', async () => {
    const replica = await world.replica();
    const [late] = (await world.enrol(1)) as [LivingAgent];
    late.alive = false;
    await world.watch(late, { offlineAfter: 90 });
    await world.pass(230, replica);
    expect(await world.events('AgentWentOffline')).toEqual([]);
    await world.pass(70, replica);
    expect(await world.events('AgentWentOffline')).toHaveLength(1);
    late.alive = true;
    await world.pass(40, replica);
    expect(await world.events('AgentCameOnline')).toMatchObject([{ revision: 1n, data: { first: true } }]);
  });

  it('ends with its revocation: what is revoked is not offline', async () => {
    const replica = await world.replica();
    const [agent] = (await world.enrol(1)) as [LivingAgent];
    await world.pass(40, replica);
    await world.watch(agent, { offlineAfter: 90, revoked: true });
    stopped(agent);
    await world.pass(150, replica);
    expect(await world.events('AgentWentOffline')).toEqual([]);
    expect(await world.states()).toEqual({ revoked: 1 });
  });
});

function stopped(...agents: readonly LivingAgent[]): void {
  for (const agent of agents) agent.alive = false;
}
