import { createHash, type Hash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import { systemClock } from '@keyfleet/platform';
import type { SimulatedAgent as Report } from '@keyfleet/testing';
import { type Link, type LinkHost, startLink } from '../link/index.js';
import type { Pace } from '../link/pace.js';
import { BrokerLine } from './broker-line.js';
import { copyOf, type DiskImage, imageOf, putBack } from './disk.js';
import { entrySource } from './entries.js';
import { MemoryJournal, type NewEntry } from './memory-journal.js';
import { MemoryPolicies } from './memory-policies.js';
import { seededRandom } from './random.js';
import { SimulatedPolicy, sharedBytes } from './simulated-policy.js';

export interface AgentOptions {
  readonly index: number;
  readonly seed: string;
  /** Of all agents; this one's folder lies in it. */
  readonly directory: string;
  readonly name: string;
  readonly controlPlaneUrl: string;
  readonly enrolmentTokenFile: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly pace: Pace;
  /** 200 by default. */
  readonly pruneAt?: number | undefined;
  /** Takes no policy, whatever it says. */
  readonly refusesPolicies?: boolean;
}

/** What is counted over all agents. */
export interface Tally {
  /** Why attempts came to nothing, by the machine's word for it. */
  readonly reasons: Map<string, number>;
  /** Attempts to connect, by tenths of a second since the epoch. */
  readonly attempts: Map<number, number>;
}

const PRUNE_AT = 200;
const LATENCY = Array.from({ length: 10 }, () => 0);

/** One agent: the real link around a journal in memory, on a disk of its own. */
export class Agent {
  readonly index: number;
  readonly journal: MemoryJournal;
  readonly line: BrokerLine;
  readonly directory: string;
  readonly policies: MemoryPolicies;
  readonly policy: SimulatedPolicy;
  /** Why it could not be enrolled, once and for all. */
  refused: string | undefined;
  skewMs = 0;
  readonly #options: AgentOptions;
  readonly #next: ReturnType<typeof entrySource>;
  readonly #random: () => number;
  readonly #reasons: Map<string, number>;
  #ids: Hash | undefined;
  #recorded = 0;
  #link: Link | undefined;
  #starting: Promise<void> | undefined;
  #image: DiskImage | undefined;
  #killedAt: number | null = null;
  #connectedAt: number | null = null;

  constructor(options: AgentOptions, tally: Tally) {
    const { index, seed, directory } = options;
    const { reasons, attempts } = tally;
    this.index = index;
    this.line = new BrokerLine((at) => {
      const tenth = Math.floor(at / 100);
      attempts.set(tenth, (attempts.get(tenth) ?? 0) + 1);
    });
    this.journal = new MemoryJournal({ pruneAt: options.pruneAt ?? PRUNE_AT });
    this.directory = join(directory, `agent-${index}`);
    this.#options = options;
    this.#reasons = reasons;
    this.#random = seededRandom(seed, index, 'link');
    this.policies = new MemoryPolicies((events) => this.#append(events), sharedBytes);
    this.policy = new SimulatedPolicy({
      memory: this.policies,
      clock: { now: () => this.#clock().now() },
      agentId: () => this.journal.owner.agentId || null,
    });
    this.policy.refuses = options.refusesPolicies ?? false;
    const decide = this.policy.decide.bind(this.policy);
    this.#next = entrySource(seededRandom(seed, index, 'entries'), decide);
  }

  get alive(): boolean {
    return this.#link !== undefined;
  }

  get connected(): boolean {
    return this.#link?.status().state === 'connected';
  }

  get drained(): boolean {
    const { epoch, seq } = this.journal.head();
    return epoch > 0 && this.journal.acknowledged().seq === seq;
  }

  /** The process starts, with a new boot id. */
  async start(): Promise<void> {
    if (this.#link) return;
    this.#starting ??= this.#begin().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  async #begin(): Promise<void> {
    const { pace } = this.#options;
    await this.policy.start(this.directory);
    this.#link = await startLink(this.#host(), { pace, random: this.#random, connect: this.line.connect });
  }

  /** The process dies; its disk stays. */
  async kill(): Promise<void> {
    await this.#starting;
    const link = this.#link;
    if (!link) return;
    this.#link = undefined;
    this.#killedAt = Date.now();
    this.line.speak();
    await link.close();
  }

  silence(): void {
    this.#killedAt = Date.now();
    this.line.silence();
  }

  speak(): void {
    if (!this.line.silent) return;
    this.line.speak();
    this.#killedAt = Date.now();
    this.#link?.beatNow();
  }

  keepImage(): void {
    this.#image = imageOf(this);
  }

  async rollback(): Promise<void> {
    if (!this.#image) throw new Error(`There is no image of agent ${this.index}.`);
    await this.kill();
    putBack(this, this.#image);
    await this.start();
  }

  /** Takes over the disk of another. */
  copyDiskOf(other: Agent): void {
    copyOf(other, this);
  }

  /** So many entries, the oldest of them `agoMs` old and the newest of now. */
  record(entries: number, agoMs = 0, newestAgoMs = 0): void {
    const now = this.#clock().now();
    const step = entries > 1 ? (agoMs - newestAgoMs) / (entries - 1) : 0;
    const bodies = Array.from({ length: entries }, (_, n) =>
      this.#next(toTimestamp(Math.floor(now - agoMs + n * step))),
    );
    this.#append(bodies);
  }

  #append(bodies: readonly NewEntry[]): void {
    this.journal.append(...bodies);
    this.#ids ??= createHash('sha256');
    for (const { id } of bodies) this.#ids.update(id);
    this.#recorded += bodies.length;
  }

  report(): Report {
    const { epoch, seq } = this.journal.head();
    return {
      ...{ index: this.index, ...this.journal.owner },
      state: this.#link?.status().state ?? 'dead',
      ...{ attempts: this.line.attempts, failures: this.line.failures },
      journal: { epoch, seq, acknowledged: this.journal.acknowledged().seq },
      idsHash: (this.#ids ?? createHash('sha256')).copy().digest('hex'),
      ...{ recorded: this.#recorded, killedAt: this.#killedAt, connectedAt: this.#connectedAt },
      ...this.policy.report(),
    };
  }

  #clock(): Clock {
    return {
      now: () => systemClock.now() + this.skewMs,
      monotonic: () => systemClock.monotonic(),
    };
  }

  #host(): LinkHost {
    const { name, labels, controlPlaneUrl, enrolmentTokenFile } = this.#options;
    const bootId = randomUUID();
    return {
      journal: this.journal,
      directory: this.directory,
      clock: this.#clock(),
      config: { name, labels, agentVersion: '1.2.3', bootId, controlPlaneUrl, enrolmentTokenFile },
      logger: {
        debug: (fields) => this.#count(fields),
        info: (fields) => this.#followed(fields),
        warn: (fields) => this.#count(fields),
        error: (fields) => this.#failed(fields),
      },
      commands: { rotate: async () => this.record(1), lock: async () => {} },
      health: () => ({ storage: 'ok', seal: 'unsealed', secrets: 12, latency: LATENCY }),
      // Nothing but its policy ever changes about its health.
      onHealthChange: (listener) => this.policy.keeper.onChange(listener),
      policy: () => this.policy.keeper.inForce(),
      policies: this.policy.keeper,
    };
  }

  #followed(fields: object): void {
    if (!('state' in fields) || fields.state !== 'connected') return;
    this.line.succeeded();
    this.#connectedAt = Date.now();
  }

  #count(fields: object): void {
    if (!('reason' in fields)) return;
    const reason = String(fields.reason);
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  #failed(fields: object): void {
    this.#count(fields);
    if ('code' in fields && this.journal.owner.agentId === '') this.refused = String(fields.code);
  }
}
