import { availableParallelism } from 'node:os';
import type { PolicyManifest, PolicyStatement } from '@keyfleet/contracts';
import type { SimulatorReport } from '@keyfleet/testing';
import { CpuMeter } from '../detection/processes.js';
import { shuffled } from '../random.js';
import { Attacker } from './attacker.js';
import { bundleHash, permitting, QUESTION, refusing } from './documents.js';
import { FORGERIES, lootOf } from './forgeries.js';
import { hasRefused, judgeForgery, judgeRound, type PushLimits, type RoundVerdict } from './judge.js';
import { PolicyWorld } from './world.js';

export interface PushOptions {
  readonly directory: string;
  readonly seed: string;
  readonly agents: number;
  /** Publications; the first is of the first policy these agents ever have. */
  readonly rounds: number;
  /** How many of the agents are away during each. */
  readonly awayShare: number;
  readonly limits: PushLimits;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

interface Round extends RoundVerdict {
  readonly version: number;
  /** Of one core, by whom, from the publication to the last agent that was there. */
  readonly cpu: Readonly<Record<string, number>>;
  readonly agentsUse: AgentsUse;
}

/** The simulated agents share the processors with everything that serves them. */
interface AgentsUse {
  /** Of all processor time the installation and its agents used. */
  readonly share: number;
  /** Of one agent, its heartbeat meanwhile among it. */
  readonly cpuMsEach: number;
}

interface Forged {
  readonly kind: string;
  readonly agents: number;
  readonly refused: number;
  readonly wrong: readonly string[];
}

export interface PushResult {
  readonly held: boolean;
  readonly agents: number;
  /** Of the machine: everybody's, the agents among them. */
  readonly cores: number;
  readonly rounds: readonly Round[];
  readonly forged: readonly Forged[];
}

type Agents = SimulatorReport['agents'];

const CEILING_MS = 120_000;
const REFUSED_CEILING_MS = 60_000;
/** Who asked the real service for what only the attacker has is told again. */
const TOLD_AGAIN = 10;
const TOLD_AGAIN_MS = 5_000;

/** Publishes to a connected fleet, some of which is away, and then tries to give all of it something else. */
export async function provePolicyPush(options: PushOptions): Promise<PushResult> {
  const world = await PolicyWorld.start(options);
  try {
    return await new Pushing(world, options).run();
  } finally {
    await world.close();
  }
}

class Pushing {
  readonly #world: PolicyWorld;
  readonly #options: PushOptions;
  #rounds: Round[] = [];

  constructor(world: PolicyWorld, options: PushOptions) {
    this.#world = world;
    this.#options = options;
  }

  async run(): Promise<PushResult> {
    const { agents, rounds } = this.#options;
    await this.#world.simulator.tell({ kind: 'ask', agents: 'all', request: QUESTION });
    let before: ReadonlyMap<string, PolicyManifest> = new Map();
    for (let n = 0; n < rounds; n += 1) {
      before = await this.#world.manifests();
      await this.#round(n);
    }
    const forged = await this.#forge(before);
    // Nobody is stuck in what was forged.
    await this.#round(rounds);
    const results = [...this.#rounds, ...forged];
    return {
      held: results.every(({ wrong }) => wrong.length === 0),
      ...{ agents, cores: availableParallelism(), rounds: this.#rounds, forged },
    };
  }

  async #round(n: number): Promise<void> {
    const { agents, awayShare, limits, random, say } = this.#options;
    const { simulator, orgId } = this.#world;
    const all = shuffled(
      Array.from({ length: agents }, (_, index) => index),
      random,
    );
    const away = all.slice(0, Math.round(agents * awayShare));
    await simulator.tell({ kind: 'kill', agents: away });
    const [statements, verdict] = contentOf(n);
    const meter = new CpuMeter(() => this.#world.pids());
    const before = await simulator.report();
    const { version, answeredAt } = await this.#world.publish(statements);
    const { policyId } = this.#world;
    const hash = bundleHash(orgId, { policyId, version }, statements);
    const there = new Set(all.slice(away.length));
    const has = (told: Agents, who: ReadonlySet<number>) =>
      told.every(({ index, policy }) => !who.has(index) || policy?.hash === hash);
    const connected = await this.#world.until((told) => has(told, there), { ceilingMs: CEILING_MS });
    const cpu = meter.shares();
    const after = await simulator.report();
    const agentsUse = useOf(cpu, (after.cpuSeconds - before.cpuSeconds) / agents);
    await simulator.tell({ kind: 'revive', agents: away });
    const returned = await this.#world.until((told) => has(told, new Set(away)), { ceilingMs: CEILING_MS });
    const judged = judgeRound(
      {
        ...{ answeredAt, hash, verdict },
        connected: connected.filter(({ index }) => there.has(index)),
        returned: returned.filter(({ index }) => !there.has(index)),
      },
      limits,
    );
    const round = { version, ...judged, cpu, agentsUse };
    this.#rounds.push(round);
    say(JSON.stringify(round));
    await this.#world.completed(version);
  }

  async #forge(older: ReadonlyMap<string, PolicyManifest>): Promise<readonly Forged[]> {
    const { say } = this.#options;
    const { agents } = await this.#world.simulator.report();
    const own = await this.#world.manifests();
    const loot = lootOf(
      agents.map(({ agentId }) => agentId),
      own,
      older,
    );
    const attacker = await Attacker.enter(this.#world.stack);
    const forged: Forged[] = [];
    try {
      for (const { kind, code, make } of FORGERIES) {
        const pushed = [...loot].map(([agentId, given]) => [agentId, make(given)] as const);
        forged.push(await this.#attack(kind, code, () => attacker.push(pushed)));
        say(JSON.stringify(forged.at(-1)));
      }
      forged.push(await this.#giveFalseBundles(attacker, own));
      say(JSON.stringify(forged.at(-1)));
    } finally {
      await attacker.close();
    }
    return forged;
  }

  async #attack(kind: string, code: string, attack: () => Promise<void>): Promise<Forged> {
    const before = (await this.#world.simulator.report()).agents;
    await attack();
    const after = await this.#world.until((told) => unrefused(before, told, code).length === 0, {
      ceilingMs: REFUSED_CEILING_MS,
    });
    return { kind, agents: before.length, ...judgeForgery(before, after, code) };
  }

  /** The manifest is good and newer, and what the agents then fetch is not what it says. */
  async #giveFalseBundles(attacker: Attacker, own: ReadonlyMap<string, PolicyManifest>): Promise<Forged> {
    const code = 'hash';
    const signed = new Map(
      (await attacker.signedFor([...own.values()])).map((manifest) => [manifest.agentId, manifest]),
    );
    const before = (await this.#world.simulator.report()).agents;
    const leave = attacker.answerFalsely(own);
    let left = before.map(({ agentId }) => agentId);
    let after = before;
    for (let again = 0; left.length > 0 && again < TOLD_AGAIN; again += 1) {
      const wanted = new Set(left);
      await attacker.push([...signed].filter(([agentId]) => wanted.has(agentId)));
      after = await this.#world.until((told) => unrefused(before, told, code).length === 0, {
        ceilingMs: TOLD_AGAIN_MS,
      });
      left = unrefused(before, after, code);
    }
    await leave();
    return { kind: 'tampered-bundle', agents: before.length, ...judgeForgery(before, after, code) };
  }
}

/** Turn by turn everybody may do nothing, and everything. */
function contentOf(n: number): readonly [readonly PolicyStatement[], 'allowed' | 'denied'] {
  return n % 2 === 0 ? [refusing(`round-${n}`), 'denied'] : [permitting(`round-${n}`), 'allowed'];
}

function unrefused(before: Agents, after: Agents, code: string): string[] {
  const known = new Map(before.map((agent) => [agent.agentId, agent]));
  return after
    .filter((agent) => !hasRefused(agent, known.get(agent.agentId), code))
    .map(({ agentId }) => agentId);
}

function useOf(cpu: Readonly<Record<string, number>>, secondsEach: number): AgentsUse {
  const all = Object.values(cpu).reduce((sum, share) => sum + share, 0);
  const round = (figure: number) => Math.round(figure * 1_000) / 1_000;
  return { share: round((cpu['agents'] ?? 0) / (all || 1)), cpuMsEach: round(secondsEach * 1_000) };
}
