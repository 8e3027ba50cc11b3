import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentChoice, SimulatorCommand, SimulatorReport, SimulatorSettings } from '@keyfleet/testing';
import { paceFromEnvironment } from '../link/pace.js';
import { Flapping } from './flapping.js';
import { seededRandom } from './random.js';
import { Agent, type Tally } from './simulated-agent.js';
import { spread } from './spread.js';

type Command<K extends SimulatorCommand['kind']> = Extract<SimulatorCommand, { kind: K }>;

/** What is done with one agent and needs nothing else to be known. */
type Act = 'kill' | 'revive' | 'silence' | 'speak' | 'image' | 'rollback';

const LOOK_MS = 50;
const ADDED_PER_SECOND = 50;

/** All agents of this process, and what is done with them. */
export class Fleet {
  readonly #settings: SimulatorSettings;
  readonly #agents: Agent[] = [];
  readonly #pace = paceFromEnvironment(process.env);
  readonly #random: () => number;
  readonly #flapping: Flapping;
  readonly #acts: Readonly<Record<Act, (agent: Agent) => Promise<void> | void>> = {
    kill: (agent) => this.#flapping.stop(agent).then(() => agent.kill()),
    revive: (agent) => agent.start(),
    silence: (agent) => agent.silence(),
    speak: (agent) => this.#flapping.stop(agent).then(() => agent.speak()),
    image: (agent) => agent.keepImage(),
    rollback: (agent) => agent.rollback(),
  };
  readonly #tally: Tally = { reasons: new Map(), attempts: new Map() };

  constructor(settings: SimulatorSettings) {
    this.#settings = settings;
    this.#random = seededRandom(settings.seed, 'fleet');
    this.#flapping = new Flapping(this.#pace, seededRandom(settings.seed, 'flapping'));
    mkdirSync(settings.directory, { recursive: true, mode: 0o700 });
  }

  /** Resolves when it is done. Throws where it cannot be done. */
  async do(command: Exclude<SimulatorCommand, { kind: 'report' }>): Promise<void> {
    if (command.kind === 'add') return this.#add(command);
    const agents = this.#chosen(command.agents);
    switch (command.kind) {
      case 'flap':
        for (const agent of agents) this.#flapping.start(agent, command.periodMs);
        return;
      case 'skew':
        for (const agent of agents) agent.skewMs = command.ms;
        return;
      case 'refuse':
        for (const agent of agents) agent.policy.refuses = command.policies;
        return;
      case 'ask':
        for (const agent of agents) agent.policy.question = command.request;
        return;
      case 'clone':
        return this.#clone(agents);
      case 'journal':
        return this.#journal(agents, command);
      case 'drained':
        return until(() => agents.every((agent) => agent.drained));
      case 'connected':
        return until(() => agents.every((agent) => agent.connected));
      default:
        await Promise.all(agents.map(this.#acts[command.kind]));
    }
  }

  report(): SimulatorReport {
    const { user, system } = process.cpuUsage();
    return {
      agents: this.#agents.map((agent) => agent.report()),
      cpuSeconds: (user + system) / 1e6,
      rssBytes: process.memoryUsage.rss(),
      reasons: Object.fromEntries(this.#tally.reasons),
      attempts: Object.fromEntries(this.#tally.attempts),
    };
  }

  #chosen(choice: AgentChoice): readonly Agent[] {
    if (choice === 'all') return this.#agents;
    return choice.map((index) => {
      const agent = this.#agents[index];
      if (!agent) throw new Error(`There is no agent ${index}.`);
      return agent;
    });
  }

  /** They arrive as people do: at random, so many a second on average. */
  async #add({ agents, enrolmentToken, perSecond = ADDED_PER_SECOND, labels = {} }: Command<'add'>) {
    const tokenFile = join(this.#settings.directory, `enrolment-token-${this.#agents.length}`);
    writeFileSync(tokenFile, `${enrolmentToken}\n`, { mode: 0o600 });
    const added = Array.from({ length: agents }, () => this.#newAgent(tokenFile, labels));
    const arrivals = added
      .map((agent) => ({ agent, at: (this.#random() * agents * 1_000) / perSecond }))
      .sort((one, other) => one.at - other.at);
    const began = performance.now();
    for (const { agent, at } of arrivals) {
      const wait = began + at - performance.now();
      if (wait > 1) await delay(wait);
      await agent.start();
    }
    await until(() => {
      const refused = added.find((agent) => agent.refused);
      if (refused) throw new Error(`Agent ${refused.index} was refused: ${refused.refused}.`);
      return added.every((agent) => agent.connected);
    });
  }

  #newAgent(enrolmentTokenFile: string | undefined, labels: Readonly<Record<string, string>>): Agent {
    const { seed, directory, controlPlaneUrl, pruneAt, refusePolicies = 0 } = this.#settings;
    const index = this.#agents.length;
    const name = `sim-${seed.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}-${index}`.slice(0, 63);
    const agent = new Agent(
      {
        ...{ index, seed, directory, name, controlPlaneUrl, enrolmentTokenFile, labels, pruneAt },
        refusesPolicies: seededRandom(seed, index, 'policies')() < refusePolicies,
        pace: this.#pace,
      },
      this.#tally,
    );
    this.#agents.push(agent);
    return agent;
  }

  /** Each is an agent more, at the end of the list. */
  async #clone(agents: readonly Agent[]): Promise<void> {
    for (const original of [...agents]) {
      const clone = this.#newAgent(undefined, {});
      clone.copyDiskOf(original);
      await clone.start();
    }
  }

  async #journal(agents: readonly Agent[], { entries, overMs = 0, agoMs = 0 }: Command<'journal'>) {
    const lasts = this.#pace.real(overMs);
    await spread({ items: agents, times: entries, overMs: lasts }, (agent, from, to) => {
      if (!agent.alive) return;
      const age = (nth: number) => agoMs * (1 - nth / entries);
      agent.record(to - from, age(from), age(to - 1));
    });
  }
}

/** Resolves once it is so; an error of the question is the answer. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await delay(LOOK_MS);
}
