import { randomUUID } from 'node:crypto';
import { isAlive, NO_BOOTS, observe } from '@keyfleet/registry/liveness';
import fc from 'fast-check';
import { heartbeatOf, newAgent } from '../testing/agents.js';
import { LivenessWorld, type TestReplica } from '../testing/world.js';
import { decodeBeat } from './beat.js';

const ORG = 'org_01932b1e-7c3a-7abc-8def-00000000000a';

describe('a heartbeat', () => {
  const agent = newAgent(ORG);
  const decode = (beat: unknown, sender: { orgId: string; agentId: string } = agent) =>
    decodeBeat(Buffer.from(typeof beat === 'string' ? beat : JSON.stringify(beat)), sender, 5);

  it('is taken with who sent it and when it came', () => {
    const beat = { ...heartbeatOf(agent), counter: 7, bootId: agent.bootId.toUpperCase() };
    expect(decode(beat)).toMatchObject({
      agentId: agent.agentId,
      orgId: ORG,
      receivedAt: 5,
      bootId: agent.bootId,
      counter: 7,
      version: '1.0.0',
      seq: 3,
      policyHash: null,
      storage: 'ok',
    });
  });

  it.each([
    ['of another agent', { agentId: newAgent(ORG).agentId }],
    ['with a field too many', { password: 'x' }],
    ['whose counter is none', { counter: 0 }],
    ['whose counter is too large to count', { counter: 2 ** 60 }],
    ['whose version could end an array', { agentVersion: '1.0.0"},{' }],
    ['whose boot is no id', { bootId: 'boot' }],
    ['without a seal', { seal: undefined }],
    ['of a later schema', { v: 2 }],
  ])('%s is refused', (_what, change) => {
    expect(decode({ ...heartbeatOf(agent), counter: 1, ...change })).toBeNull();
  });

  it('that is no JSON, or far too long, is refused', () => {
    expect(decode('{')).toBeNull();
    expect(decode('')).toBeNull();
    expect(decode(`${JSON.stringify({ ...heartbeatOf(agent), counter: 1 })}${' '.repeat(5_000)}`)).toBeNull();
  });
});

describe('beats written through', () => {
  let world: LivenessWorld;
  let replica: TestReplica;

  beforeAll(async () => {
    world = await LivenessWorld.create();
    replica = await world.replica();
  });

  afterAll(async () => {
    await world.close();
  });

  const boots = [randomUUID(), randomUUID(), randomUUID()];
  const sent = fc.array(
    fc.record({
      boot: fc.constantFrom(...boots),
      counter: fc.integer({ min: 1, max: 12 }),
      /** Time before it, and whether the replica flushes before it. */
      ms: fc.integer({ min: 0, max: 40_000 }),
      flush: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  );

  it('F6: leave the same row however they are gathered into flushes', async () => {
    await fc.assert(
      fc.asyncProperty(sent, async (beats) => {
        const [agent] = await world.enrol(1);
        if (!agent) throw new Error('none enrolled');
        let expected = NO_BOOTS;
        let seenAt = 0;
        for (const { boot, counter, ms, flush } of beats) {
          world.clock.advance(ms);
          if (flush) await replica.liveness.flush();
          const beat = { bootId: boot, counter, receivedAt: world.clock.now() };
          const seen = observe(expected, beat);
          expected = seen.boots;
          if (isAlive(seen.sight)) seenAt = beat.receivedAt;
          Object.assign(agent, { bootId: boot, counter: counter - 1 });
          await world.beat([agent], [replica]);
        }
        await replica.liveness.flush();
        await replica.liveness.idle();
        const [row] = await world.sql`
          select boot_id, counter::int, state, (extract(epoch from seen_at) * 1000)::float8 as seen
          from registry.agent_last_seen where agent_id = ${agent.agentId}`;
        expect(row).toEqual({
          boot_id: expected.current?.id,
          counter: expected.current?.counter,
          state: 'online',
          seen: seenAt,
        });
      }),
      { numRuns: 40 },
    );
    expect(world.errors).toEqual([]);
  });

  it('wait in memory, one per agent, while the database is away, and keep the time they came', async () => {
    const agents = await world.enrol(5);
    await world.beat(agents, [replica]);
    await replica.liveness.flush();
    replica.database.set({ mode: 'refuse' });
    replica.database.reset();
    for (let turn = 0; turn < 3; turn += 1) {
      world.clock.advance(27_000);
      await world.beat(agents, [replica]);
    }
    const cameAt = world.clock.now();
    await replica.liveness.flush();
    expect(replica.liveness.waiting).toBe(5);
    world.clock.advance(60_000);
    replica.database.heal();
    await replica.liveness.flush();
    expect(replica.liveness.waiting).toBe(0);
    const rows = await world.sql`
      select distinct counter::int, (extract(epoch from seen_at) * 1000)::float8 as seen
      from registry.agent_last_seen where agent_id = any(${agents.map(({ agentId }) => agentId)})`;
    expect(rows).toEqual([{ counter: 4, seen: cameAt }]);
  });
});
