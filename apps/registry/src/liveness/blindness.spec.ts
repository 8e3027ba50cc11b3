import { createMetrics } from '@keyfleet/platform';
import { heartbeatOf } from './testing/agents.js';
import { cut, LivenessWorld, type TestReplica } from './testing/world.js';

const TEN_MINUTES = 600;
const MOST_MS = 60_000;

describe('honest blindness', () => {
  let world: LivenessWorld;
  let replica: TestReplica;

  beforeEach(async () => {
    world = await LivenessWorld.create();
    replica = await world.replica();
    await world.enrol(12);
    await world.pass(60, replica);
    expect(replica.liveness.covered).toBe(true);
  });

  afterEach(async () => {
    await world.close();
  });

  /** One pause with true times, nobody offline by mistake, and the dead one found once we see again. */
  async function expectOnePause(reason: string, from: number, to: number): Promise<void> {
    const paused = await world.events('DetectionPaused');
    const resumed = await world.events('DetectionResumed');
    expect(paused).toMatchObject([
      { stream: `detection-${world.installationId}`, metadata: { orgId: null }, data: { reason } },
    ]);
    expect(resumed).toHaveLength(1);
    const { pausedAt, resumedAt } = resumed[0]?.data as { pausedAt: string; resumedAt: string };
    expect((paused[0]?.data as { since: string }).since).toBe(pausedAt);
    expect(Math.abs(Date.parse(pausedAt) - from)).toBeLessThanOrEqual(5_000);
    expect(Date.parse(resumedAt)).toBeGreaterThanOrEqual(to);
    expect(Date.parse(resumedAt)).toBeLessThanOrEqual(to + 30_000);
    expect(await world.events('AgentWentOffline')).toEqual([]);
    expect(await world.states()).toEqual({ online: 12 });
    const [dead] = world.agents as [(typeof world.agents)[number]];
    dead.alive = false;
    await world.pass(150, replica);
    expect(
      (await world.events('AgentWentOffline')).map(({ data }) => (data as { agentId: string }).agentId),
    ).toEqual([dead.agentId]);
  }

  it('F2: ten minutes without NATS are one pause told of within a minute, and no agent goes offline', async () => {
    const from = world.clock.now();
    cut(replica.broker);
    await world.passWithoutBeats(MOST_MS / 1_000, replica);
    expect(await world.events('DetectionPaused')).toMatchObject([{ data: { reason: 'canary-late' } }]);
    expect(replica.liveness.covered).toBe(false);
    expect(replica.liveness.check()).toMatch(/^blind since .*: canary-late$/);
    await world.passWithoutBeats(TEN_MINUTES - MOST_MS / 1_000, replica);
    const to = world.clock.now();
    replica.broker.heal();
    await connected(replica);
    await world.pass(60, replica);
    await expectOnePause('canary-late', from, to);
  });

  it('F2: ten minutes without the database are one pause, told of on return with true times', async () => {
    const from = world.clock.now();
    cut(replica.database);
    await world.pass(15, replica);
    await world.pass(TEN_MINUTES - 20);
    await world.pass(5, replica);
    expect(replica.liveness.covered).toBe(false);
    expect(replica.liveness.check()).toBe('blind: the database does not answer');
    expect(replica.liveness.waiting).toBe(12);
    const to = world.clock.now();
    replica.database.heal();
    await world.pass(60, replica);
    await expectOnePause('store-away', from, to);
  });

  it('F2: while a look hangs in a database that does not answer, the metric does not stay at the last good one', async () => {
    const metrics = createMetrics({ service: 'spec', version: '1', runtime: false });
    const watcher = await world.replica({ metrics });
    await world.pass(60, watcher, replica);
    const text = () => metrics.registry.metrics();
    expect(await text()).toMatch(/^keyfleet_detection_covered 1$/m);
    expect(await text()).not.toMatch(/^keyfleet_detection_paused\{/m);
    watcher.database.set({ mode: 'silence' });
    const hangs = watcher.liveness.watch();
    world.clock.advance(25_000);
    expect(await text()).toMatch(/^keyfleet_detection_covered 0$/m);
    expect(await text()).toMatch(/^keyfleet_detection_paused\{reason="sweep-gap"\} 1$/m);
    watcher.database.heal();
    await hangs;
    await watcher.close();
  });

  it('F2: ten minutes without any registry are one pause', async () => {
    const from = world.clock.now();
    await replica.kill();
    await world.pass(TEN_MINUTES);
    const to = world.clock.now();
    replica = await world.replica({ replicaId: 'replica-0' });
    await world.pass(60, replica);
    await expectOnePause('starting', from, to);
  });

  it('F5: a step of the clock by an hour, forward or back, pauses once and takes no agent offline', async () => {
    for (const step of [3_600_000, -3_600_000]) {
      world.clock.jumpTo(world.clock.now() + step);
      await world.pass(120, replica);
    }
    const paused = await world.events('DetectionPaused');
    expect(paused.map(({ data }) => (data as { reason: string }).reason)).toEqual([
      'clock-step',
      'clock-step',
    ]);
    expect(await world.events('DetectionResumed')).toHaveLength(2);
    expect(await world.events('AgentWentOffline')).toEqual([]);
    expect(replica.liveness.covered).toBe(true);
  });

  it('F5: what an agent believes the time to be has no effect', async () => {
    const [agent] = world.agents as [(typeof world.agents)[number]];
    const seen = async () =>
      world.sql`select seen_at from registry.agent_last_seen where agent_id = ${agent.agentId}`;
    for (const days of [-1, 1]) {
      const beat = {
        ...heartbeatOf(agent),
        at: new Date(world.clock.now() + days * 86_400_000).toISOString(),
      };
      agent.counter += 1;
      world.fleet.publish(
        `kf.v1.${agent.orgId}.${agent.agentId}.hb`,
        JSON.stringify({ ...beat, counter: agent.counter }),
      );
      await world.pass(5, replica);
      expect(await seen()).toEqual([{ seen_at: expect.stringMatching(/^2026-01-01T00:0/) }]);
    }
    await world.pass(120, replica);
    expect(await world.events('AgentWentOffline')).toEqual([]);
  });

  it('silence before and after an outage adds up; the outage and the window after it do not', async () => {
    const [quiet] = world.agents as [(typeof world.agents)[number]];
    quiet.alive = false;
    await world.pass(40, replica);
    cut(replica.broker);
    await world.passWithoutBeats(300, replica);
    replica.broker.heal();
    await connected(replica);
    await world.pass(40, replica);
    expect(await world.events('AgentWentOffline')).toEqual([]);
    await world.pass(40, replica);
    const [offline] = await world.events('AgentWentOffline');
    expect(offline?.data).toMatchObject({ agentId: quiet.agentId });
    const { coveredSeconds } = offline?.data as { coveredSeconds: number };
    expect(coveredSeconds).toBeGreaterThanOrEqual(90);
    expect(coveredSeconds).toBeLessThanOrEqual(95);
  });

  it('a first start is no pause, and neither is a restart within ten seconds', async () => {
    expect(await world.events('DetectionPaused', 'DetectionResumed')).toEqual([]);
    await replica.close();
    replica = await world.replica({ replicaId: 'next' });
    await world.pass(30, replica);
    expect(await world.events('DetectionPaused', 'DetectionResumed')).toEqual([]);
    expect(replica.liveness.covered).toBe(true);
  });
});

async function connected(replica: TestReplica): Promise<void> {
  while (true) {
    try {
      await replica.nats.flush();
      return;
    } catch {
      // Still on its way back.
    }
  }
}
