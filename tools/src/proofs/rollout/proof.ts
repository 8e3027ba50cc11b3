import { setTimeout as delay } from 'node:timers/promises';
import type { PolicyStatement, RolloutPlan } from '@keyfleet/contracts';
import { sha256Hex } from '@keyfleet/crypto';
import { bucketOf, waveKey } from '@keyfleet/policy/domain';
import type { SimulatedAgent } from '@keyfleet/testing';
import { Place } from '../loss/place.js';
import { bundleHash, permitting, refusing } from '../policy-push/documents.js';
import { PolicyWorld, type Publication } from '../policy-push/world.js';
import { shuffled } from '../random.js';
import { judgeWave, type WaveVerdict } from './judge.js';
import { armed, killAll, type PlannedKill, planKills } from './kills.js';
import { certified, factsOf, settle, untilHalted } from './watch.js';

export interface RolloutOptions {
  readonly directory: string;
  readonly seed: string;
  readonly agents: number;
  /** Waves of each kind in which nobody dies, and in which services do. */
  readonly calm: number;
  readonly killed: number;
  readonly killsPerWave: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

type Reason = 'rejected' | 'denied';

interface WaveResult extends WaveVerdict {
  readonly reason: Reason;
  readonly version: number;
  readonly refusers: number;
  /** From the publication to the halt, and to the last agent that had to go back. */
  readonly haltedSeconds: number;
  readonly backSeconds: number;
  readonly killed: readonly string[];
}

export interface RolloutResult {
  readonly held: boolean;
  readonly agents: number;
  readonly kills: number;
  readonly waves: readonly WaveResult[];
}

interface Bad extends Publication {
  readonly hash: string;
}

/** In percent of the agents. */
const FIRST_WAVE = 10;
const PLANS: Readonly<Record<Reason, RolloutPlan>> = {
  rejected: {
    waves: [FIRST_WAVE, 50, 100],
    soakSeconds: 2,
    haltOn: { rejected: 1, deniedPercent: null },
  },
  // Longer than it takes to notice.
  denied: { waves: [FIRST_WAVE, 100], soakSeconds: 300, haltOn: { rejected: 1, deniedPercent: 20 } },
};
const REFUSING_SHARE = 0.3;
/** Kills come while a wave goes out, and while it is taken back. */
const KILLS_WITHIN_MS = 4_000;
const DRAINED_CEILING_MS = 120_000;

/** Publishes versions that should not go out, in waves, and compares who had them with what everybody says. */
export async function proveRollout(options: RolloutOptions): Promise<RolloutResult> {
  const world = await PolicyWorld.start({ ...options, env: armed(options.directory) });
  try {
    return await new Waves(world, options).run();
  } finally {
    await world.close();
  }
}

class Waves {
  readonly #world: PolicyWorld;
  readonly #options: RolloutOptions;
  readonly #place: Place;
  #count = 0;

  constructor(world: PolicyWorld, options: RolloutOptions) {
    this.#world = world;
    this.#options = options;
    this.#place = new Place(world.stack);
  }

  async run(): Promise<RolloutResult> {
    const { agents, calm, killed, killsPerWave, random } = this.#options;
    const good = await this.#goOut();
    const waves: WaveResult[] = [];
    for (let n = 0; n < calm + killed; n += 1)
      for (const reason of ['rejected', 'denied'] as const) {
        const kills = n < calm ? [] : planKills(killsPerWave, KILLS_WITHIN_MS, random);
        waves.push(await this.#wave(reason, good, kills));
      }
    const kills = waves.reduce((sum, wave) => sum + wave.killed.length, 0);
    return {
      held: waves.every(({ wrong }) => wrong.length === 0),
      ...{ agents, kills, waves },
    };
  }

  /** What everybody has before, and goes back to. */
  async #goOut(): Promise<Bad> {
    const statements = permitting('good');
    const published = await this.#world.publish(statements);
    const hash = this.#hashOf(published.version, statements);
    if ((await settle(this.#world, hash)) > 0) throw new Error('The good version did not go out.');
    await this.#world.completed(published.version);
    return { ...published, hash };
  }

  #hashOf(version: number, statements: readonly PolicyStatement[]): string {
    const { orgId, policyId } = this.#world;
    return bundleHash(orgId, { policyId, version }, statements);
  }

  async #wave(reason: Reason, good: Bad, kills: readonly PlannedKill[]): Promise<WaveResult> {
    const { directory, say } = this.#options;
    const { simulator } = this.#world;
    const before = (await simulator.report()).agents;
    this.#count += 1;
    const version = good.version + this.#count;
    const note = `bad-${this.#count}`;
    const statements = reason === 'denied' ? refusing(note) : permitting(note);
    const badHash = this.#hashOf(version, statements);
    const refusers = reason === 'rejected' ? this.#draw(before, version) : [];
    const indexes = refusers.map(({ index }) => index);
    await simulator.tell({ kind: 'refuse', agents: indexes, policies: { hash: badHash } });
    const bad = await this.#world.publish(statements, PLANS[reason]);
    if (bad.version !== version) throw new Error(`Version ${bad.version} came, not ${version}.`);
    const over = new AbortController();
    const killing = killAll(kills, { directory, say, place: this.#place, over: over.signal });
    killing.catch(() => undefined);
    try {
      await untilHalted(this.#world, version, reason === 'denied');
      await settle(this.#world, good.hash);
    } finally {
      over.abort();
    }
    const killed = await killing;
    const result = await this.#judged({ reason, good, bad: { ...bad, hash: badHash }, before, refusers });
    const spared = kills.length > 0 && killed.length === 0 ? ['nobody died in it'] : [];
    const wrong = [...result.wrong, ...spared];
    const all = { reason, version, refusers: refusers.length, ...result, wrong, killed };
    say(JSON.stringify(all));
    return all;
  }

  /** Of those that are not in the first wave, so that some have it before the first of them refuses. */
  #draw(agents: readonly SimulatedAgent[], version: number): readonly SimulatedAgent[] {
    const { policyId } = this.#world;
    const placed = agents
      .map((agent) => ({ agent, at: bucketOf(sha256Hex(waveKey(policyId, version, agent.agentId))) }))
      .sort((one, other) => one.at - other.at);
    const later = placed.slice(1).filter(({ at }) => at >= FIRST_WAVE);
    return shuffled(later, this.#options.random)
      .slice(0, Math.ceil(later.length * REFUSING_SHARE))
      .map(({ agent }) => agent);
  }

  async #judged(given: {
    readonly reason: Reason;
    readonly good: Bad;
    readonly bad: Bad;
    readonly before: readonly SimulatedAgent[];
    readonly refusers: readonly SimulatedAgent[];
  }) {
    const { reason, good, bad, before, refusers } = given;
    const { simulator } = this.#world;
    const unsettled = await settle(this.#world, good.hash);
    const drained = simulator.tell({ kind: 'drained', agents: 'all' });
    drained.catch(() => undefined);
    await Promise.race([drained, delay(DRAINED_CEILING_MS, undefined, { ref: false })]);
    const after = (await simulator.report()).agents;
    const had = after.filter(({ policiesApplied }) => policiesApplied.some(({ hash }) => hash === bad.hash));
    const halts = await factsOf(this.#world, bad.version, 'RolloutHalted');
    const [anyManifest] = (await this.#world.manifests()).values();
    const certificate = await certified(
      this.#world,
      bad.version,
      ({ agents }) =>
        agents.filter((agent) => agent.reason === 'taken-back').length >= had.length &&
        agents.every(({ actual }) => actual === good.hash),
    );
    const restored = await certified(this.#world, good.version, ({ converged }) => converged >= after.length);
    const verdict = judgeWave({
      ...{ reason, before, after, unsettled, certificate, restored, oldHash: good.hash, badHash: bad.hash },
      refusers: new Set(refusers.map(({ agentId }) => agentId)),
      halts: halts.map(({ data }) => ({ reason: data.reason ?? '' })),
      completions: (await factsOf(this.#world, bad.version, 'RolloutCompleted')).length,
      shown: await this.#shown(bad.version),
      authorityKey: anyManifest?.key ?? '',
    });
    const lastAt = Math.max(bad.answeredAt, ...had.map(({ policy }) => policy?.appliedAt ?? 0));
    const haltedAt = Date.parse(halts[0]?.recordedAt ?? '') || bad.answeredAt;
    return {
      ...verdict,
      haltedSeconds: Math.round((haltedAt - bad.answeredAt) / 100) / 10,
      backSeconds: Math.round((lastAt - bad.answeredAt) / 100) / 10,
    };
  }

  async #shown(version: number): Promise<string | undefined> {
    const { rolloutDetail } = await this.#world.view();
    return rolloutDetail?.version === version ? rolloutDetail.state : undefined;
  }
}
