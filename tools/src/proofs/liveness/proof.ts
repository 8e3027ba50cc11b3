import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@keyfleet/testing';
import { CpuMeter } from '../detection/processes.js';
import { DetectionWorld } from '../detection/world.js';
import { ProofAgents } from './agents.js';
import { type Blind, type Death, type DetectionVerdict, judgeDetection } from './judge.js';
import type { Mortals } from './mortals.js';
import { SimulatedAgents } from './simulated.js';

export interface LivenessOptions {
  readonly directory: string;
  readonly factor: number;
  readonly agents: number;
  /** Who they are: with the real link, or only with a heart. */
  readonly kind: Mortals['kind'];
  readonly kills: number;
  /** Of test time. */
  readonly lastsMs: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

export interface LivenessResult extends DetectionVerdict {
  readonly held: boolean;
  readonly factor: number;
  readonly agents: number;
  readonly kind: Mortals['kind'];
  /** Agents that came back after their death and were told so. */
  readonly back: number;
  readonly pauses: number;
  /** Of one core, by whom, while the fleet beat and died. */
  readonly cpu: Readonly<Record<string, number>>;
}

/** The dead stay so for so long, in test time: longer than it takes to find them. */
const DEAD_MS = 240_000;
/** Kills of one moment go together. */
const TICK_MS = 5_000;
const STALL_MS = 60_000;
const SETTLED_MS = 300_000;
const P99_SECONDS = 100;
const MOST_SECONDS = 120;
const MS_PER_RECONNECTING_AGENT = 5;

/** Kills agents at random while registries are paused and killed, and compares who was reported with who was dead. */
export async function proveLiveness(options: LivenessOptions): Promise<LivenessResult> {
  const { directory, factor, say } = options;
  const world = await DetectionWorld.start({ directory, factor, agents: 0 });
  let agents: Mortals | undefined;
  try {
    agents = await enrol(world, options);
    say(`${agents.ids.length} agents (${agents.kind}) enrolled, test time ${factor} times faster`);
    await comeUp(world, agents, say);
    return await run(world, agents, options);
  } finally {
    await agents?.close();
    await world.close();
  }
}

function enrol(
  world: DetectionWorld,
  { directory, factor, agents: count, kind, random, say }: LivenessOptions,
): Promise<Mortals> {
  const { stack, client, store } = world;
  if (kind === 'simulator')
    return SimulatedAgents.enrol({
      ...{ stack, client, directory, count, factor, say },
      seed: Math.floor(random() * 2 ** 32).toString(16),
    });
  const { nats, orgs } = stack.run;
  return ProofAgents.enrol({
    ...{ directory, count, factor, store, natsUrl: nats.url, orgIds: orgs.map(({ id }) => id) },
    reconnectWindowMs: world.real(Math.min(120_000, Math.max(5_000, count * MS_PER_RECONNECTING_AGENT))),
  });
}

async function comeUp(world: DetectionWorld, agents: Mortals, say: (line: string) => void): Promise<void> {
  const began = performance.now();
  await agents.connectFirst();
  say(`all connected, ${Math.round((agents.ids.length * 1_000) / (performance.now() - began))} a second`);
  const known = new Set<string>();
  const isKnown = async (): Promise<boolean> => {
    for (const { data } of await world.facts(['AgentCameOnline']))
      known.add((data as { agentId: string }).agentId);
    // Reading the whole log is no poll to repeat every few milliseconds.
    await delay(1_000);
    return known.size >= agents.ids.length;
  };
  await waitFor(isKnown, { ceilingMs: 120_000, what: 'every agent online' });
  await waitFor(() => world.covered(), { ceilingMs: 60_000, what: 'detection' });
  say('all online');
}

interface Plan {
  readonly killAt: number;
  readonly index: number;
}

/** Each agent dies once at most, early enough to be found and to come back within the time. */
function plan({ agents, kills, lastsMs, random }: LivenessOptions): Plan[] {
  const indexes = Array.from({ length: agents }, (_, index) => index);
  for (let at = indexes.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [indexes[at], indexes[other]] = [indexes[other] as number, indexes[at] as number];
  }
  const latest = Math.max(TICK_MS, lastsMs - DEAD_MS);
  return indexes
    .slice(0, kills)
    .map((index) => ({ index, killAt: random() * latest }))
    .sort((a, b) => a.killAt - b.killAt);
}

async function run(
  world: DetectionWorld,
  agents: Mortals,
  options: LivenessOptions,
): Promise<LivenessResult> {
  const { lastsMs, say } = options;
  const before = await world.store.headPosition();
  const meter = new CpuMeter(() => ({ ...world.pids(), agents: [agents.pid] }));
  const began = world.now();
  const deaths: Death[] = [];
  const kills = plan(options);
  const revivals: Plan[] = [];
  const mishaps = mishapsOf(world, lastsMs, say);
  for (let passed = 0; passed < lastsMs; passed = world.now() - began) {
    const dying = due(kills, passed).map(({ index }) => index);
    if (dying.length > 0) {
      const at = toTest(world, await agents.kill(dying));
      deaths.push(...dying.map((index) => ({ agentId: agents.ids[index] ?? '', at })));
      revivals.push(...dying.map((index) => ({ index, killAt: passed + DEAD_MS })));
    }
    const back = due(revivals, passed);
    if (back.length > 0) await agents.revive(back.map(({ index }) => index));
    for (const mishap of due(mishaps, passed)) mishap.happen();
    await world.pass(TICK_MS);
    meter.look();
  }
  const cpu = meter.shares();
  say(`${deaths.length} agents died; cpu ${JSON.stringify(cpu)}`);
  await agents.revive(revivals.map(({ index }) => index));
  await waitFor(async () => (await reportsOf(world, before)).length >= deaths.length, {
    ceilingMs: world.real(SETTLED_MS),
  }).catch(() => undefined);
  await world.pass(TICK_MS * 6);
  const blind = await blindnessOf(world, before);
  const verdict = judgeDetection(deaths, await reportsOf(world, before), blind);
  const back = await comeBack(world, before, deaths);
  return {
    held: held(verdict) && back === deaths.length,
    ...verdict,
    ...{ factor: options.factor, agents: options.agents, kind: agents.kind, back, pauses: blind.length, cpu },
  };
}

function held({ missed, doubled, false: wrong, latency, covered }: DetectionVerdict): boolean {
  const inTime = latency.p99 <= P99_SECONDS && Math.max(latency.max, covered.max) <= MOST_SECONDS;
  return missed === 0 && doubled === 0 && wrong === 0 && inTime;
}

/** Takes away what is due. */
function due<T extends { readonly killAt: number }>(planned: T[], passed: number): readonly T[] {
  const now = planned.filter(({ killAt }) => killAt <= passed);
  for (const one of now) planned.splice(planned.indexOf(one), 1);
  return now;
}

/** One registry is paused, one killed and replaced, the other killed and brought back by the launcher. */
function mishapsOf(
  world: DetectionWorld,
  lastsMs: number,
  say: (line: string) => void,
): { killAt: number; happen: () => void }[] {
  const told = (line: string, happen: () => void) => () => {
    say(line);
    happen();
  };
  const second = () => world.registries()[1];
  const [stall, kill, killFirst] = [lastsMs * 0.2, lastsMs * 0.45, lastsMs * 0.6];
  return [
    { killAt: stall, happen: told('one registry pauses', () => world.signal(second(), 'SIGSTOP')) },
    { killAt: stall + STALL_MS, happen: told('and goes on', () => world.signal(second(), 'SIGCONT')) },
    {
      killAt: kill,
      happen: told('one registry is killed and another started', () => {
        process.kill(second(), 'SIGKILL');
        void world.replaceSecond();
      }),
    },
    {
      killAt: killFirst,
      happen: told('the first registry is killed', () => process.kill(world.registries()[0], 'SIGKILL')),
    },
  ];
}

const toTest = (world: DetectionWorld, real: number): number =>
  world.now() - (Date.now() - real) * world.time.factor;

/** The moment a report stood in the store, by the store's own clock. */
async function reportsOf(world: DetectionWorld, after: string) {
  const events = await world.facts(['AgentWentOffline'], after);
  return events.map(({ data, recordedAt }) => ({
    agentId: (data as { agentId: string }).agentId,
    at: toTest(world, Date.parse(recordedAt)),
  }));
}

/** After a resumption nothing counts as silence until agents had the time to come back; that is over by then. */
async function blindnessOf(world: DetectionWorld, after: string): Promise<readonly Blind[]> {
  const resumed = await world.facts(['DetectionResumed'], after);
  return resumed.map(({ data }) => {
    const { pausedAt, resumedAt } = data as { pausedAt: string; resumedAt: string };
    return { from: Date.parse(pausedAt), to: Date.parse(resumedAt) };
  });
}

async function comeBack(world: DetectionWorld, after: string, deaths: readonly Death[]): Promise<number> {
  const dead = new Set(deaths.map(({ agentId }) => agentId));
  const returned = async (): Promise<number> => {
    const events = await world.facts(['AgentCameOnline'], after);
    return new Set(
      events.map(({ data }) => (data as { agentId: string }).agentId).filter((id) => dead.has(id)),
    ).size;
  };
  await waitFor(async () => (await returned()) === dead.size, { ceilingMs: 30_000 }).catch(() => undefined);
  return returned();
}
