import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import {
  type SimulatedAgent,
  type Simulator,
  startSimulator,
  temporaryDirectory,
  waitFor,
} from '@keyfleet/testing';
import { Client } from './client.js';
import { Stack } from './stack.js';

/** How many times faster detection and the agents' links live here. */
const FACTOR = 10;
const DAY_MS = 86_400_000;
/** Of real time: what takes a minute or two of test time. */
const SOON = { ceilingMs: 60_000 };
const SCRIPT = join(process.cwd(), 'apps/agent/dist/simulator/main.js');

let stack: Stack;
let client: Client;
let store: EventStore;
const running: Simulator[] = [];

beforeAll(async () => {
  stack = await Stack.start({
    ...{ directory: temporaryDirectory('simulator'), agents: 0 },
    env: { KEYFLEET_TEST_TIME_FACTOR: String(FACTOR), KEYFLEET_TEST_TIME_BEGAN_AT: String(Date.now()) },
  });
  client = await Client.signIn(stack);
  store = createPostgresEventStore({ url: stack.run.eventStore.url, name: 'simulator' });
}, 240_000);

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
});

afterAll(async () => {
  await store?.close();
  await stack?.stop();
}, 60_000);

function simulator(seed: string): Simulator {
  const started = startSimulator({
    ...{ script: SCRIPT, seed, timeFactor: FACTOR, directory: temporaryDirectory('agents') },
    controlPlaneUrl: stack.run.gateway.url,
  });
  running.push(started);
  return started;
}

async function tokenFor(uses: number): Promise<string> {
  const answer = await client.request('POST', '/api/v1/orgs/acme/enrolment-tokens', { uses });
  return (answer.body as { token: string }).token;
}

/** A simulator with so many agents, all connected. */
async function fleetOf(seed: string, agents: number): Promise<Simulator> {
  const fleet = simulator(seed);
  await fleet.tell({ kind: 'add', agents, enrolmentToken: await tokenFor(agents), perSecond: 20 });
  return fleet;
}

const agentsOf = async (fleet: Simulator) => (await fleet.report()).agents;

async function agentOf(fleet: Simulator, index = 0): Promise<SimulatedAgent> {
  const agent = (await agentsOf(fleet))[index];
  if (!agent) throw new Error(`There is no agent ${index}.`);
  return agent;
}

/** The events of these types about one agent. */
async function told({ agentId }: SimulatedAgent, ...types: string[]): Promise<readonly RecordedEvent[]> {
  const { events } = await store.readAll({ filter: { types }, limit: 5_000 });
  return events.filter(({ data }) => (data as { agentId: string }).agentId === agentId);
}

/** Everything the store has of an agent's journal, over all its epochs. */
async function journaled({ agentId, journal }: SimulatedAgent): Promise<readonly RecordedEvent[]> {
  const epochs = Array.from({ length: journal.epoch }, (_, n) => n + 1);
  const parts = epochs.map((epoch) => store.readStream(`journal-${agentId}.${epoch}`));
  return (await Promise.all(parts)).flat();
}

const hashOf = (events: readonly RecordedEvent[]): string =>
  events.reduce((hash, { id }) => hash.update(id), createHash('sha256')).digest('hex');

const all = 'all' as const;

describe('simulated agents', () => {
  it('arrive one after the other, each enrolled by itself, with a name from the seed', async () => {
    const fleet = simulator('Arrivals');
    const began = performance.now();
    const enrolmentToken = await tokenFor(6);
    await fleet.tell({ kind: 'add', agents: 6, enrolmentToken, perSecond: 3, labels: { site: 'b' } });
    expect(performance.now() - began).toBeGreaterThan(700);
    const agents = await agentsOf(fleet);
    expect(agents.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'connected'));
    expect(new Set(agents.map(({ agentId }) => agentId)).size).toBe(6);
    const enrolled = await told(agents[4] as SimulatedAgent, 'AgentEnrolled');
    expect(enrolled.map(({ data }) => data)).toMatchObject([
      { name: 'sim-arrivals-4', labels: { site: 'b' } },
    ]);
  });

  it('tell why they are not let in', async () => {
    const fleet = simulator('refused');
    const used = await tokenFor(1);
    await fleet.tell({ kind: 'add', agents: 1, enrolmentToken: used });
    const late = fleet.tell({ kind: 'add', agents: 1, enrolmentToken: used });
    await expect(late).rejects.toThrow(/^Agent 1 was refused: enrolment\./);
    await expect(fleet.tell({ kind: 'kill', agents: [7] })).rejects.toThrow('There is no agent 7.');
  });

  it('journal the same for the same seed, and something else for another', async () => {
    const histories = await Promise.all(
      [simulator('same'), simulator('same'), simulator('other')].map(async (fleet, n) => {
        // Alike to the last identifier, so only one of them may be heard.
        const token = await tokenFor(2);
        await fleet.tell({ kind: 'add', agents: 2, enrolmentToken: token, perSecond: 20 });
        if (n > 0) await fleet.tell({ kind: 'silence', agents: all });
        await fleet.tell({ kind: 'journal', agents: all, entries: 30 });
        return (await agentsOf(fleet)).map(({ idsHash }) => idsHash);
      }),
    );
    const [first, again, other] = histories;
    expect(new Set(first).size).toBe(2);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('F1: are found offline once where they are mute, though they hold the line, and bring everything afterwards', async () => {
    const fleet = await fleetOf('mute', 2);
    await fleet.tell({ kind: 'silence', agents: [0] });
    await fleet.tell({ kind: 'journal', agents: all, entries: 5 });
    await fleet.tell({ kind: 'drained', agents: [1] });
    const [mute, other] = (await agentsOf(fleet)) as [SimulatedAgent, SimulatedAgent];
    await waitFor(async () => (await told(mute, 'AgentWentOffline')).length > 0, SOON);
    expect(await agentOf(fleet)).toMatchObject({ state: 'connected', journal: { seq: 5, acknowledged: 0 } });
    await fleet.tell({ kind: 'speak', agents: all });
    await fleet.tell({ kind: 'drained', agents: all });
    await waitFor(async () => (await told(mute, 'AgentCameOnline')).length === 2, SOON);
    expect(await told(mute, 'AgentWentOffline')).toHaveLength(1);
    expect(await told(other, 'AgentWentOffline')).toHaveLength(0);
    expect(hashOf(await journaled(await agentOf(fleet)))).toBe(mute.idsHash);
  }, 120_000);

  it('F1: die without a word and come back as who they were', async () => {
    const fleet = await fleetOf('mortal', 1);
    await fleet.tell({ kind: 'kill', agents: [0] });
    const dead = await agentOf(fleet);
    expect(dead).toMatchObject({ state: 'dead', killedAt: expect.any(Number) });
    await fleet.tell({ kind: 'journal', agents: all, entries: 5 });
    expect(await agentOf(fleet)).toMatchObject({ recorded: 0 });
    await waitFor(async () => (await told(dead, 'AgentWentOffline')).length > 0, SOON);
    await fleet.tell({ kind: 'revive', agents: [0] });
    await fleet.tell({ kind: 'connected', agents: [0] });
    await waitFor(async () => (await told(dead, 'AgentCameOnline')).length === 2, SOON);
    expect((await agentOf(fleet)).agentId).toBe(dead.agentId);
    expect(await told(dead, 'AgentEnrolled')).toHaveLength(1);
  }, 120_000);

  it('go away and come back over and over until they are told not to, and nobody calls that offline', async () => {
    const fleet = await fleetOf('flapping', 2);
    await fleet.tell({ kind: 'flap', agents: all, periodMs: 20_000 });
    await waitFor(async () => (await agentsOf(fleet)).every(({ attempts }) => attempts > 4), SOON);
    await fleet.tell({ kind: 'speak', agents: all });
    await fleet.tell({ kind: 'connected', agents: all });
    const before = await agentsOf(fleet);
    await delay(3 * (20_000 / FACTOR));
    const after = await agentsOf(fleet);
    expect(after.map(({ attempts }) => attempts)).toEqual(before.map(({ attempts }) => attempts));
    for (const agent of after) expect(await told(agent, 'AgentWentOffline')).toHaveLength(0);
  }, 120_000);

  it('F12: bring weeks of entries whole and in order, with the times they happened at', async () => {
    const fleet = await fleetOf('weeks', 1);
    await fleet.tell({ kind: 'silence', agents: [0] });
    await fleet.tell({ kind: 'journal', agents: [0], entries: 2_000, agoMs: 21 * DAY_MS });
    expect(await agentOf(fleet)).toMatchObject({ journal: { seq: 2_000, acknowledged: 0 } });
    await fleet.tell({ kind: 'speak', agents: [0] });
    await fleet.tell({ kind: 'drained', agents: [0] });
    const agent = await agentOf(fleet);
    const entries = await journaled(agent);
    expect(entries).toHaveLength(2_000);
    expect(hashOf(entries)).toBe(agent.idsHash);
    const ages = entries.map(({ metadata }) => Date.now() - Date.parse(metadata.at));
    expect(Math.abs((ages[0] ?? 0) - 21 * DAY_MS)).toBeLessThan(DAY_MS / 2);
    expect(ages.at(-1)).toBeLessThan(DAY_MS / 2);
    expect(ages).toEqual([...ages].sort((a, b) => b - a));
  }, 120_000);

  it('F6: with a copy of another one’s disk are found to be two', async () => {
    const fleet = await fleetOf('clones', 2);
    await fleet.tell({ kind: 'clone', agents: [1] });
    const [single, original, clone] = (await agentsOf(fleet)) as SimulatedAgent[];
    expect(clone).toMatchObject({ index: 2, agentId: original?.agentId });
    const suspected = (agent: SimulatedAgent | undefined) =>
      told(agent as SimulatedAgent, 'AgentCloneSuspected');
    await waitFor(async () => (await suspected(original)).length > 0, SOON);
    expect(await suspected(single)).toHaveLength(0);
  }, 120_000);

  it('with a disk put back to an earlier image go on in a new epoch, and nothing is lost or doubled', async () => {
    const fleet = await fleetOf('rolled-back', 1);
    await fleet.tell({ kind: 'journal', agents: [0], entries: 10 });
    await fleet.tell({ kind: 'drained', agents: [0] });
    await fleet.tell({ kind: 'image', agents: [0] });
    await fleet.tell({ kind: 'journal', agents: [0], entries: 10 });
    await fleet.tell({ kind: 'drained', agents: [0] });
    await fleet.tell({ kind: 'rollback', agents: [0] });
    await fleet.tell({ kind: 'journal', agents: [0], entries: 10 });
    await fleet.tell({ kind: 'drained', agents: [0] });
    const agent = await agentOf(fleet);
    expect(agent).toMatchObject({ recorded: 30, journal: { epoch: 2 } });
    expect(hashOf(await journaled(agent))).toBe(agent.idsHash);
  }, 120_000);

  it('F5: stay online with a clock that is a day ahead, and journal by it', async () => {
    const fleet = await fleetOf('skewed', 1);
    await fleet.tell({ kind: 'skew', agents: [0], ms: DAY_MS });
    await fleet.tell({ kind: 'journal', agents: [0], entries: 3 });
    await fleet.tell({ kind: 'drained', agents: [0] });
    const agent = await agentOf(fleet);
    const [entry] = await journaled(agent);
    expect(Date.parse(entry?.metadata.at ?? '') - Date.now()).toBeGreaterThan(DAY_MS / 2);
    // Longer than the silence that is called offline.
    await delay(120_000 / FACTOR);
    expect(await told(agent, 'AgentWentOffline')).toHaveLength(0);
  }, 120_000);

  it('end with the process that started them', async () => {
    const fleet = await fleetOf('ended', 1);
    const pending = fleet.tell({ kind: 'connected', agents: [0] });
    await pending;
    await fleet.kill();
    await expect(fleet.report()).rejects.toThrow('The simulator has ended.');
  });
});
