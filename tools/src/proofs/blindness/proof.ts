import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '@keyfleet/event-store';
import { waitFor } from '@keyfleet/testing';
import { Observer } from '../detection/observer.js';
import { Prometheus } from '../detection/prometheus.js';
import { DetectionWorld } from '../detection/world.js';
import { type Fault, faultsOf } from './faults.js';
import { type Fact, judge, type Verdict } from './judge.js';

export interface BlindnessOptions {
  readonly directory: string;
  readonly factor: number;
  readonly agents: number;
  /** How long each loss lasts, in test time. */
  readonly lostMs: number;
  /** Only faults whose names hold this. */
  readonly only?: string;
  readonly say: (line: string) => void;
}

export interface BlindnessResult {
  readonly held: boolean;
  readonly factor: number;
  readonly offline: number;
  readonly pauses: number;
  readonly faults: readonly Verdict[];
  /** Seconds of test time from the death of an agent, after all of that, to its being reported. */
  readonly foundDeadAfter: number;
}

const FACTS = ['DetectionPaused', 'DetectionResumed', 'AgentWentOffline'];
/** Far beyond what is promised, so that a miss has a figure. */
const GIVEN_UP_MS = 600_000;
/** Nothing else may happen for so long before a fault. */
const QUIET_MS = 30_000;
const FOUND_WITHIN_MS = 120_000;

/** Takes away, one after the other, what detection needs, and compares what was said with what was so. */
export async function proveBlindness(options: BlindnessOptions): Promise<BlindnessResult> {
  const { directory, factor, agents, say } = options;
  const world = await DetectionWorld.start({ directory, factor, agents });
  try {
    const prometheus = await Prometheus.start({
      ...{ directory, factor, say },
      vendorDirectory: join(process.cwd(), '.keyfleet/vendor'),
      targets: world.operations(),
    });
    const observer = new Observer(world, prometheus);
    try {
      say(`${agents} agents and two registries, test time ${factor} times faster`);
      return await sufferAll(options, { world, observer, say });
    } finally {
      await observer.stop();
      await prometheus.stop();
    }
  } finally {
    await world.close();
  }
}

async function sufferAll(options: BlindnessOptions, scene: Scene): Promise<BlindnessResult> {
  const { only = '', factor, lostMs, say } = options;
  const verdicts: Verdict[] = [];
  for (const fault of faultsOf(scene.world, lostMs).filter(({ name }) => name.includes(only)))
    verdicts.push(await suffer(fault, scene));
  const foundDeadAfter = await findDead(scene.world);
  say(`a dead agent was reported after ${foundDeadAfter.toFixed(1)} s`);
  const sum = (what: 'offline' | 'pauses'): number => verdicts.reduce((all, one) => all + one[what], 0);
  return {
    held: verdicts.every(({ wrong }) => wrong.length === 0) && foundDeadAfter * 1_000 <= FOUND_WITHIN_MS,
    ...{ factor, offline: sum('offline'), pauses: sum('pauses'), faults: verdicts, foundDeadAfter },
  };
}

interface Scene {
  readonly world: DetectionWorld;
  readonly observer: Observer;
  readonly say: (line: string) => void;
}

async function suffer(fault: Fault, { world, observer, say }: Scene): Promise<Verdict> {
  const normal = async (since: number): Promise<number> => {
    await waitFor(async () => observer.isNormalSince(since) && (await world.covered()), {
      ceilingMs: world.real(GIVEN_UP_MS),
      what: `${fault.name}: a normal view`,
    }).catch(async (error: unknown) => {
      say(JSON.stringify({ ...observer.lastSeen(), registries: await world.readiness() }));
      throw error;
    });
    return world.now();
  };
  await normal(world.now());
  await world.pass(QUIET_MS);
  const before = await world.store.headPosition();
  const from = world.now();
  const [sights, firings] = [observer.sights.length, observer.firings.length];
  fault.begin();
  await world.pass(fault.lastsMs);
  fault.end();
  const to = world.now();
  if (fault.lastsMs === 0) await untilTold(world, before);
  const normalAt = await normal(to);
  await untilTold(world, before);
  await delay(world.real(QUIET_MS));
  const facts = (await world.facts(FACTS, before)).map(toFact);
  const verdict = judge({
    ...{ name: fault.name, from, to, normalAt, blindAfterMs: fault.blindAfterMs },
    offAfter: fault.offAfter ?? 0,
    tellerBehind: fault.tellerBehind ?? 0,
    mayEndEarly: fault.mayEndEarly ?? false,
    facts,
    sights: observer.sights.slice(sights),
    firings: observer.firings.slice(firings),
  });
  const { wrong, ...figures } = verdict;
  say(JSON.stringify(figures));
  if (wrong.length > 0) say(`WRONG: ${wrong.join('; ')}; from ${from} to ${to}: ${JSON.stringify(facts)}`);
  return verdict;
}

/** A clock is set in a moment, and what follows from it is over in seconds: it is not to be overlooked. */
async function untilTold(world: DetectionWorld, after: string): Promise<void> {
  await waitFor(async () => (await world.facts(['DetectionResumed'], after)).length > 0, {
    ceilingMs: world.real(GIVEN_UP_MS),
    what: 'DetectionResumed',
  }).catch(() => undefined);
}

function toFact({ type, data }: RecordedEvent): Fact {
  const { since, reason, pausedAt, resumedAt } = data as Record<string, string>;
  const at = (text: string | undefined): number => Date.parse(text ?? '');
  if (type === 'DetectionPaused') return { type, since: at(since), reason: reason ?? '' };
  if (type === 'DetectionResumed') return { type, pausedAt: at(pausedAt), resumedAt: at(resumedAt) };
  return { type: 'AgentWentOffline' };
}

async function findDead(world: DetectionWorld): Promise<number> {
  const [agent] = world.stack.run.agents;
  if (!agent) throw new Error('There is no agent to kill.');
  const before = await world.store.headPosition();
  const diedAt = world.now();
  process.kill(agent.pid, 'SIGKILL');
  await waitFor(async () => (await world.facts(['AgentWentOffline'], before)).length > 0, {
    ceilingMs: world.real(GIVEN_UP_MS),
    what: 'AgentWentOffline of a dead agent',
  });
  return (world.now() - diedAt) / 1_000;
}
