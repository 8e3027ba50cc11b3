import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { askAgent } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { Chaos } from './chaos.js';
import { checkAll, type Findings, isClean } from './check.js';
import { Crowd, STEPS } from './crowd.js';
import { Killer } from './kills.js';
import { Ledger } from './ledger.js';
import { writeSecrets } from './load.js';
import { openProxies, type Proxies, useProxies } from './network.js';
import { Place, type Unit } from './place.js';
import { FAILPOINTS, type Failpoint, planKills, type Target } from './plan.js';
import { SecondRegistry } from './second-registry.js';
import { Watermarks } from './watermarks.js';

export interface LossOptions {
  /** An empty folder; the installation's data lies in it. */
  readonly directory: string;
  readonly seed: string;
  /** Real agents: processes with a vault on disk, killed and put back like everything else. */
  readonly agents: number;
  /** Secrets written at each of them. */
  readonly entriesPerAgent: number;
  /** Agents of the simulator, and entries of each. */
  readonly simulated: number;
  readonly entriesPerSimulated: number;
  readonly kills: number;
  readonly killEveryMs: number;
  readonly disturbEveryMs: number | undefined;
  /** How long agents may take to bring over what waits at the end; 10 min by default. What is not there then is lost. */
  readonly drainCeilingMs?: number;
  /** For what is shown to come up to what is stored; 3 min by default. */
  readonly patienceMs?: number;
  /** Ends as soon as something is found that must not be: enough for a bug that was planted. */
  readonly untilFound?: boolean;
  readonly weights?: Partial<Readonly<Record<Target, number>>>;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

export interface LossResult extends Findings {
  readonly held: boolean;
  /** Every entry was acknowledged in the end. */
  readonly drained: boolean;
  readonly entries: number;
  readonly ofRealAgents: number;
  readonly kills: number;
  readonly killsByTarget: Readonly<Record<string, number>>;
  readonly pauses: number;
  readonly networkFaults: number;
  readonly watermarksCompared: number;
  readonly chaosSeconds: number;
  /** From the end of the writing until every entry was acknowledged. */
  readonly drainSeconds: number;
  readonly checkSeconds: number;
}

const DRAIN_CEILING_MS = 600_000;

/** Starts the whole product, writes, kills, waits until all is quiet, and compares what everybody has. */
export async function proveNoLoss(options: LossOptions): Promise<LossResult> {
  const failpoints = join(options.directory, 'failpoints');
  const images = join(options.directory, 'images');
  for (const folder of [failpoints, images]) mkdirSync(folder, { recursive: true });
  const failpointFile = (name: Failpoint, registry: Unit) => join(failpoints, `${name}.${String(registry)}`);
  const armed = (registry: Unit): Record<string, string> => {
    const files = FAILPOINTS.map((name) => [name, { killWhenFile: failpointFile(name, registry) }]);
    return { KEYFLEET_FAILPOINTS: JSON.stringify(Object.fromEntries(files)) };
  };
  const stack = await Stack.start({
    directory: options.directory,
    agents: options.agents,
    env: armed('registry'),
  });
  options.say(`${options.agents} real agents and everything else are running`);
  const place = new Place(stack);
  const ledger = new Ledger(join(options.directory, 'ledger.db'));
  const store = createPostgresEventStore({ url: stack.run.eventStore.url });
  const killer = new Killer({ place, ledger, failpointFile, images });
  const proxies = await openProxies(place);
  const proof = new Proof({
    ...options,
    place,
    ledger,
    store,
    killer,
    proxies,
    ofSecond: armed('registry-2'),
  });
  try {
    return await proof.run();
  } finally {
    for (const proxy of Object.values(proxies)) proxy.heal();
    await place.second?.close();
    await store.close();
    ledger.close();
    await stack.stop();
    for (const proxy of Object.values(proxies)) await proxy.close();
  }
}

interface Parts extends LossOptions {
  readonly place: Place;
  readonly ledger: Ledger;
  readonly store: EventStore;
  readonly killer: Killer;
  readonly proxies: Proxies;
  /** What the second registry is told besides. */
  readonly ofSecond: Readonly<Record<string, string>>;
}

class Proof {
  readonly #parts: Parts;
  #crowd: Crowd | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async run(): Promise<LossResult> {
    try {
      return await this.#prove();
    } finally {
      await this.#crowd?.close();
    }
  }

  async #prove(): Promise<LossResult> {
    const { place, killer, proxies, say, simulated, directory, seed, kills } = this.#parts;
    if (this.#parts.disturbEveryMs !== undefined) await useProxies(place, proxies);
    // After the way to the servers was changed: it takes over what the first was told.
    place.second = await SecondRegistry.start(place.stack, this.#parts.ofSecond);
    if (simulated > 0) {
      this.#crowd = await Crowd.start({
        ...{ stack: place.stack, directory: join(directory, 'simulator'), agents: simulated, seed },
      });
      say(`${simulated} simulated agents are connected`);
    }
    await killer.takeImages();
    const watermarks = new Watermarks(this.#parts);
    const began = performance.now();
    const chaos = this.#chaos(watermarks);
    const [toll] = await Promise.all([chaos.run(), this.#write(() => chaos.progress)]);
    const chaosSeconds = seconds(began);
    say('everything is written and nobody dies any more');
    const stopped = performance.now();
    const drained = await this.#comeToRest();
    const drainSeconds = seconds(stopped);
    say(
      drained
        ? `every journal was acknowledged ${drainSeconds} s later`
        : 'not every journal was acknowledged',
    );
    await watermarks.look();
    const checking = performance.now();
    const { findings, events } = await checkAll({ ...this.#parts, crowd: this.#crowd, watermarks });
    return {
      held: drained && isClean(findings) && count(toll.kills) >= kills,
      drained,
      entries: events,
      ofRealAgents: this.#parts.ledger.recorded,
      kills: count(toll.kills),
      killsByTarget: toll.kills,
      pauses: toll.pauses,
      networkFaults: toll.networkFaults,
      ...findings,
      watermarksCompared: watermarks.looks,
      chaosSeconds,
      drainSeconds,
      checkSeconds: seconds(checking),
    };
  }

  #chaos(watermarks: Watermarks): Chaos {
    const { kills, killEveryMs, random, weights, untilFound } = this.#parts;
    return new Chaos({
      ...this.#parts,
      plan: planKills(kills, random, weights),
      everyMs: killEveryMs,
      look: () => watermarks.look(),
      isEnough: () => untilFound === true && watermarks.early > 0,
    });
  }

  /** As fast as kills are carried out, however slow the machine is. */
  async #write(progress: () => number): Promise<void> {
    const { place, ledger, entriesPerAgent, entriesPerSimulated, kills, killEveryMs, random } = this.#parts;
    const writing = place.agents.map(async ({ id, name }) => {
      const agent = () => place.agents.find((one) => one.name === name) as (typeof place.agents)[number];
      const onConfirmed = (written: string) => ledger.confirm(id, [written]);
      await writeSecrets({ agent, entries: entriesPerAgent, progress, random, onConfirmed });
    });
    const stepMs = (kills * killEveryMs) / STEPS;
    await Promise.all([...writing, this.#crowd?.journal(entriesPerSimulated, progress, stepMs)]);
  }

  /** Who had nothing to send since the store was put back hears of it with the next connection. */
  async #comeToRest(): Promise<boolean> {
    const { place, proxies } = this.#parts;
    for (const proxy of Object.values(proxies)) proxy.heal();
    const pid = place.pidOf('nats');
    process.kill(pid, 'SIGKILL');
    await place.back('nats', pid);
    // Everybody has synced again before what they say of being drained counts.
    await delay(5_000);
    const until = performance.now() + (this.#parts.drainCeilingMs ?? DRAIN_CEILING_MS);
    for (const { name } of place.agents)
      while (!(await this.#isDrained(name)) && performance.now() < until) await delay(200);
    const tooLong = delay(Math.max(until - performance.now(), 1_000), undefined, { ref: false });
    await Promise.race([this.#crowd?.drained(), tooLong]);
    return performance.now() < until;
  }

  async #isDrained(name: string): Promise<boolean> {
    const agent = this.#parts.place.agents.find((one) => one.name === name);
    if (!agent) return false;
    const answer = await askAgent(agent, 'GET', '/status').catch(() => undefined);
    const { journal, link } = (answer?.body ?? {}) as {
      journal?: { seq: number; acknowledged: number };
      link?: { state: string };
    };
    return journal !== undefined && link?.state === 'connected' && journal.acknowledged === journal.seq;
  }
}

const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;

const count = (kills: Readonly<Record<string, number>>): number =>
  Object.values(kills).reduce((sum, of) => sum + of, 0);
