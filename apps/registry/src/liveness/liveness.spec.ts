import { LivenessWorld } from './testing/world.js';

describe('liveness', () => {
  let world: LivenessWorld;

  beforeEach(async () => {
    world = await LivenessWorld.create();
  });

  afterEach(async () => {
    await world.close();
  });

  it('F1: an agent that stops beating is reported once, after 90 covered seconds, and its return at once', async () => {
    const replica = await world.replica();
    const agents = await world.enrol(20);
    await world.pass(60, replica);
    expect(await world.states()).toEqual({ online: 20 });
    const [dead] = agents as [(typeof agents)[number]];
    dead.alive = false;
    const lastBeat = await lastSeen(world, dead.agentId);
    await world.pass(180, replica);
    const offline = await world.events('AgentWentOffline');
    expect(offline).toMatchObject([
      {
        stream: `liveness-${dead.agentId}`,
        metadata: { orgId: dead.orgId },
        data: { agentId: dead.agentId },
      },
    ]);
    const { lastSeenAt, coveredSeconds } = offline[0]?.data as { lastSeenAt: string; coveredSeconds: number };
    expect(Date.parse(lastSeenAt)).toBe(lastBeat);
    expect(coveredSeconds).toBeGreaterThanOrEqual(90);
    expect(Date.parse(String(offline[0]?.metadata.at)) - lastBeat).toBeLessThanOrEqual(100_000);

    dead.alive = true;
    await world.beat([dead], [replica]);
    await replica.liveness.flush();
    await replica.liveness.idle();
    const online = await world.events('AgentCameOnline');
    expect(online.filter(({ data }) => !(data as { first: boolean }).first)).toMatchObject([
      { data: { agentId: dead.agentId, first: false, seenAt: new Date(world.clock.now()).toISOString() } },
    ]);
    expect(online).toHaveLength(21);
    expect(await world.states()).toEqual({ online: 20 });
    expect(world.errors).toEqual([]);
  });
});

async function lastSeen(world: LivenessWorld, agentId: string): Promise<number> {
  const [row] = await world.sql<{ seen_at: string }[]>`
    select seen_at from registry.agent_last_seen where agent_id = ${agentId}`;
  return Date.parse(String(row?.seen_at));
}
