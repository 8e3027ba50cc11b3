import { randomUUID } from 'node:crypto';
import type { EventStore } from '@keyfleet/event-store';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { heartbeatOf } from './testing/agents.js';
import { LivenessWorld, type LivingAgent } from './testing/world.js';

const agentIds = (events: readonly { readonly data: unknown }[]) =>
  events.map(({ data }) => (data as { agentId: string }).agentId).sort();
const idsOf = (agents: readonly LivingAgent[]) => agents.map(({ agentId }) => agentId).sort();

describe('detectors', () => {
  let world: LivenessWorld;

  beforeEach(async () => {
    world = await LivenessWorld.create();
  });

  afterEach(async () => {
    await world.close();
  });

  it('F4: three at once find each silent agent once, and share the beats', async () => {
    const replicas = [await world.replica(), await world.replica(), await world.replica()];
    const agents = await world.enrol(60);
    await world.pass(60, ...replicas);
    const dead = agents.slice(0, 7);
    for (const agent of dead) agent.alive = false;
    await world.pass(140, ...replicas);
    expect(agentIds(await world.events('AgentWentOffline'))).toEqual(idsOf(dead));
    for (const agent of dead) agent.alive = true;
    await world.pass(40, ...replicas);
    expect(await world.states()).toEqual({ online: 60 });
    expect(await world.events('AgentCameOnline')).toHaveLength(67);
    expect(world.errors).toEqual([]);
  });

  it('F4: wherever a detector dies between finding and recording, the next one makes the same fact, once', async () => {
    const places = ['liveness.after-claim', 'liveness.before-append', 'liveness.after-append'];
    for (const place of places) {
      const [agent] = (await world.enrol(1)) as [LivingAgent];
      const steady = await world.replica();
      await world.pass(45, steady);
      await steady.close();
      let deaths = 0;
      const dying = await world.replica({
        failpoint: async (name) => {
          if (name !== place || agent.alive) return;
          deaths += 1;
          throw new Error('killed here');
        },
      });
      await world.pass(20, dying);
      agent.alive = false;
      while (deaths === 0) await world.pass(5, dying);
      // It comes back in the very moment: both facts belong to its history.
      agent.alive = true;
      await dying.kill();
      const next = await world.replica();
      await world.pass(40, next);
      const stream = await world.store.readStream(`liveness-${agent.agentId}`);
      expect([place, ...stream.map(({ type }) => type)]).toEqual([
        place,
        'AgentCameOnline',
        'AgentWentOffline',
        'AgentCameOnline',
      ]);
      await next.close();
    }
    expect(await world.states()).toEqual({ online: places.length });
  });

  it('F4: a replica that was killed is forgotten once the broker has; the others go on without a pause', async () => {
    const [first, second] = [await world.replica(), await world.replica()];
    await world.enrol(10);
    await world.pass(40, first, second);
    await first.kill();
    await world.pass(60, second);
    expect(await world.events('DetectionPaused')).toEqual([]);
    expect(second.liveness.covered).toBe(true);
    expect(await world.sql`select count(*)::int as n from registry.detection_replicas`).toEqual([{ n: 1 }]);
  });

  it('F2: a replica that hangs keeps its share of the beats, so detection pauses until it is back', async () => {
    const [first, second] = [await world.replica(), await world.replica()];
    await world.enrol(10);
    await world.pass(40, first, second);
    await world.pass(60, second);
    // Its own flush is late, and so is the other one's canary where the broker handed that to it.
    expect(await world.events('DetectionPaused')).toMatchObject([
      { data: { reason: expect.stringMatching(/replica-stalled|canary-late/) } },
    ]);
    await world.pass(60, first, second);
    expect(await world.events('DetectionResumed')).toHaveLength(1);
    expect(await world.events('AgentWentOffline')).toEqual([]);
  });

  it('F2: while the store alone is away, readiness says so, and what was found is recorded on its return', async () => {
    let away = false;
    const store = awayWhile(() => away, world.store);
    const replica = await world.replica({ store });
    const agents = await world.enrol(6);
    await world.pass(60, replica);
    const [gone, back] = agents as [LivingAgent, LivingAgent];
    gone.alive = false;
    back.alive = false;
    await world.pass(60, replica);
    expect(await world.events('AgentWentOffline')).toEqual([]);
    back.alive = true;
    const from = world.clock.now();
    away = true;
    await world.pass(300, replica);
    expect(replica.liveness.check()).toMatch(/^blind since .*: store-away$/);
    away = false;
    const to = world.clock.now();
    await world.pass(60, replica);
    const [paused] = await world.events('DetectionPaused');
    const [resumed] = await world.events('DetectionResumed');
    expect(paused?.data).toMatchObject({ reason: 'store-away' });
    expect(Date.parse((paused?.data as { since: string }).since) - from).toBeLessThanOrEqual(5_000);
    expect(Date.parse((resumed?.data as { resumedAt: string }).resumedAt)).toBeGreaterThanOrEqual(to);
    expect(agentIds(await world.events('AgentWentOffline'))).toEqual([gone.agentId]);
  });

  it('a row that was lost follows its stream again, without a fact too many', async () => {
    const replica = await world.replica();
    const agents = await world.enrol(4);
    await world.pass(60, replica);
    const [silent] = agents as [LivingAgent];
    silent.alive = false;
    await world.pass(120, replica);
    await world.sql`delete from registry.agent_last_seen`;
    await world.pass(40, replica);
    expect(await world.states()).toEqual({ online: 3 });
    silent.alive = true;
    await world.pass(40, replica);
    expect(await world.states()).toEqual({ online: 4 });
    expect(await world.events('AgentWentOffline')).toHaveLength(1);
    expect(await world.events('AgentCameOnline')).toHaveLength(5);
  });
});

describe('what beats say', () => {
  let world: LivenessWorld;

  beforeEach(async () => {
    world = await LivenessWorld.create();
  });

  afterEach(async () => {
    await world.close();
  });

  it('F6: two processes with one key are one suspicion on the agent’s stream', async () => {
    const replica = await world.replica();
    const [agent] = (await world.enrol(1)) as [LivingAgent];
    const clone: LivingAgent = {
      ...agent,
      bootId: randomUUID(),
      version: '2.0.0',
      phase: agent.phase + 13_000,
    };
    world.agents.push(clone);
    await world.pass(400, replica);
    expect(await world.events('AgentCloneSuspected')).toMatchObject([
      {
        stream: `agent-${agent.agentId}`,
        data: { agentId: agent.agentId, bootIds: [agent.bootId, clone.bootId].sort() },
      },
    ]);
    expect((await world.events('AgentVersionChanged')).length).toBeLessThanOrEqual(3);
    expect(await world.events('AgentWentOffline')).toEqual([]);
  });

  it('a restart with another version is one AgentVersionChanged', async () => {
    const replica = await world.replica();
    const [agent] = (await world.enrol(1)) as [LivingAgent];
    await world.pass(60, replica);
    Object.assign(agent, { bootId: randomUUID(), counter: 0, version: '1.1.0' });
    await world.pass(90, replica);
    expect(await world.events('AgentVersionChanged')).toMatchObject([
      { stream: `agent-${agent.agentId}`, data: { from: '1.0.0', to: '1.1.0' } },
    ]);
    expect(await world.events('AgentCloneSuspected', 'AgentWentOffline')).toEqual([]);
  });

  it('S2: count only from agents that were enrolled, in their own organisation, and not revoked', async () => {
    const replica = await world.replica();
    const [agent] = (await world.enrol(1)) as [LivingAgent];
    const stranger = { ...agent, agentId: newId('agt') };
    const elsewhere = { ...agent, orgId: newId('org') };
    await world.beat([stranger, elsewhere], [replica]);
    world.fleet.publish(`kf.v1.${agent.orgId}.${agent.agentId}.hb`, JSON.stringify(heartbeatOf(stranger)));
    world.fleet.publish(`kf.v1.${agent.orgId}.${agent.agentId}.hb`, 'not a beat');
    await world.beat([], [replica]);
    await replica.liveness.watch();
    await replica.liveness.idle();
    expect(await world.states()).toEqual({});
    await world.pass(30, replica);
    expect(await world.states()).toEqual({ online: 1 });
    await world.sql`update registry.agent_last_seen set state = 'revoked'`;
    await world.pass(120, replica);
    expect(await world.states()).toEqual({ revoked: 1 });
    expect(await world.events('AgentWentOffline')).toEqual([]);
  });
});

function awayWhile(away: () => boolean, store: EventStore): EventStore {
  return new Proxy(store, {
    get: (target, key) => {
      const value = Reflect.get(target, key) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (away()) return Promise.reject(new KeyfleetError('store.unavailable'));
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}
