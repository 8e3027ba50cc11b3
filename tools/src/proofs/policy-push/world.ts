import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PolicyManifest, PolicyStatement, RolloutPlan } from '@keyfleet/contracts';
import type { ConvergenceCertificate, PolicyView } from '@keyfleet/contracts/http';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { type Simulator, type SimulatorReport, startSimulator, waitFor } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { SIMULATOR } from '../liveness/simulated.js';
import { documentHash } from './documents.js';

export interface PolicyWorldOptions {
  readonly directory: string;
  readonly seed: string;
  readonly agents: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

export interface Publication {
  readonly version: number;
  /** When the request was answered, in real milliseconds since the epoch. */
  readonly answeredAt: number;
}

/** Enrolments a second the machine takes beside everything else. */
const PER_SECOND = 60;
const USES_OF_A_TOKEN = 1_000;
const TOKEN_LIVES_SECONDS = 3_600;
const NAME = 'Proof';
const LOOK_MS = 1_000;
/** A report of all agents takes the processors from them while somebody measures: so much later for each of them. */
const LOOK_LATER_MS = 0.5;
const SOON_MS = 250;
const UP_CEILING_MS = 180_000;
const EVENTS = 5_000;

/** The product, one organisation full of simulated agents, one who writes its policy and another who reviews it. */
export class PolicyWorld {
  readonly stack: Stack;
  readonly store: EventStore;
  readonly simulator: Simulator;
  readonly agents: number;
  readonly orgId: string;
  readonly #slug: string;
  readonly #author: Client;
  readonly #reviewer: Client;
  readonly #sql: Sql;
  #policyId = '';

  private constructor(
    stack: Stack,
    people: { author: Client; reviewer: Client },
    options: PolicyWorldOptions,
  ) {
    const { directory, seed, agents } = options;
    const { run } = stack;
    this.stack = stack;
    this.agents = agents;
    this.orgId = run.orgs[0]?.id ?? '';
    this.#slug = run.orgs[0]?.slug ?? '';
    this.#author = people.author;
    this.#reviewer = people.reviewer;
    this.#sql = createSql({ url: run.postgres.url, applicationName: 'proof', max: 2 });
    this.store = createPostgresEventStore({ url: run.eventStore.url, name: 'proof' });
    this.simulator = startSimulator({
      ...{ script: SIMULATOR, seed, controlPlaneUrl: run.gateway.url },
      directory: join(directory, 'simulator'),
    });
  }

  /** Resolves when every agent is connected and shown online, and the fleet is as calm as on any other day. */
  static async start(options: PolicyWorldOptions): Promise<PolicyWorld> {
    const { directory, env = {}, say } = options;
    const stack = await Stack.start({ directory, agents: 0, env });
    let world: PolicyWorld | undefined;
    try {
      world = new PolicyWorld(stack, await people(stack), options);
      await world.#enrolAll(say);
      return world;
    } catch (error) {
      await (world ? world.close() : stack.stop());
      throw error;
    }
  }

  get policyId(): string {
    return this.#policyId;
  }

  /** Draft, review and publication through the API; the first one is assigned to the whole organisation before. */
  async publish(statements: readonly PolicyStatement[], plan?: RolloutPlan): Promise<Publication> {
    const content = { document: { statements } };
    const isFirst = this.#policyId === '';
    if (isFirst) {
      const made = await this.#write('POST', '', { name: NAME, content });
      this.#policyId = (made as { id: string }).id;
    } else await this.#write('PUT', '/draft', { name: NAME, content });
    const review = { hash: documentHash(statements), verdict: 'approved' };
    await this.#write('POST', '/draft/reviews', review, this.#reviewer);
    if (isFirst) await this.#write('POST', '/assignments', { target: { kind: 'organisation' } });
    const published = await this.#write('POST', '/publish', plan ? { plan } : {});
    return { version: (published as { version: number }).version, answeredAt: Date.now() };
  }

  /** Until the rollout of a version is completed: before, no other can be published. */
  async completed(version: number): Promise<void> {
    const isCompleted = async () => {
      const facts = await this.facts();
      await delay(SOON_MS);
      return facts.some(
        ({ type, data }) =>
          type === 'RolloutCompleted' && (data as { readonly version: number }).version === version,
      );
    };
    await waitFor(isCompleted, { ceilingMs: UP_CEILING_MS, what: `the rollout of version ${version}` });
  }

  view(): Promise<PolicyView> {
    return this.#author.get(`${this.#policies}/${this.#policyId}`);
  }

  async certify(version: number): Promise<ConvergenceCertificate> {
    const made = await this.#write('POST', `/versions/${version}/certificates`, undefined);
    const { certificateId } = made as { certificateId: string };
    return this.#author.get(`${this.#policies}/certificates/${certificateId}`);
  }

  /** What the control plane holds for each agent to decide by, by agent. */
  async manifests(): Promise<ReadonlyMap<string, PolicyManifest>> {
    const rows = await this.#sql<{ agent_id: string; manifest: PolicyManifest }[]>`
      select agent_id, manifest from policy.desired where org_id = ${this.orgId} and manifest is not null`;
    return new Map(rows.map(({ agent_id, manifest }) => [agent_id, manifest]));
  }

  /** How many of the agents the control plane has for online, and heard since then, in milliseconds since the epoch. */
  async #heardSince(at: number): Promise<number> {
    const [row] = await this.#sql<{ online: string }[]>`
      select count(*)::text as online from registry.agent_last_seen
      where state = 'online' and seen_at >= to_timestamp(${at / 1_000})`;
    return Number(row?.online ?? 0);
  }

  /** Asks all agents again and again until they are as they should be; what they say at the end, in time or not. */
  async until(
    so: (agents: SimulatorReport['agents']) => boolean,
    { ceilingMs = 120_000, lookMs = Math.max(LOOK_MS, this.agents * LOOK_LATER_MS) } = {},
  ): Promise<SimulatorReport['agents']> {
    const ends = Date.now() + ceilingMs;
    for (;;) {
      const { agents } = await this.simulator.report();
      if (so(agents) || Date.now() > ends) return agents;
      await delay(lookMs);
    }
  }

  /** Events of the policy, in order. */
  facts(): Promise<readonly RecordedEvent[]> {
    return this.store.readStream(`policy-${this.#policyId}`, { limit: EVENTS });
  }

  /** Who uses the processor, for a meter. */
  pids(): Readonly<Record<string, readonly number[]>> {
    const { services, nats, postgres, redis } = this.stack.run;
    return {
      ...Object.fromEntries(services.map(({ name, pid }) => [name, [pid]])),
      ...{ broker: [nats.pid], postgres: [postgres.pid], redis: [redis.pid], agents: [this.simulator.pid] },
    };
  }

  async close(): Promise<void> {
    await this.simulator.kill();
    await Promise.all([this.store.close(), closeSql(this.#sql, 1_000)]);
    await this.stack.stop();
  }

  get #policies(): string {
    return `/api/v1/orgs/${this.#slug}/policies`;
  }

  async #write(method: 'POST' | 'PUT', path: string, body: unknown, as = this.#author): Promise<unknown> {
    const at = this.#policyId === '' ? this.#policies : `${this.#policies}/${this.#policyId}${path}`;
    const answer = await as.request(method, at, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${at} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async #enrolAll(say: (line: string) => void): Promise<void> {
    for (let added = 0; added < this.agents; added += USES_OF_A_TOKEN) {
      const uses = Math.min(USES_OF_A_TOKEN, this.agents - added);
      const path = `/api/v1/orgs/${this.#slug}/enrolment-tokens`;
      const answer = await this.#author.request('POST', path, { uses, expiresIn: TOKEN_LIVES_SECONDS });
      const { token } = answer.body as { token: string };
      await this.simulator.tell({ kind: 'add', agents: uses, enrolmentToken: token, perSecond: PER_SECOND });
      say(`${added + uses} of ${this.agents} agents are enrolled and connected`);
    }
    // What goes along with so many enrolments is over when each has been heard again and has nothing left to tell.
    const enrolledAt = Date.now();
    const isQuiet = async () =>
      (await this.#heardSince(enrolledAt)) >= this.agents || void (await delay(LOOK_MS));
    await waitFor(isQuiet, { ceilingMs: UP_CEILING_MS, what: 'a beat of every agent' });
    await this.simulator.tell({ kind: 'drained', agents: 'all' });
  }
}

async function people(stack: Stack): Promise<{ author: Client; reviewer: Client }> {
  const author = await Client.signIn(stack);
  return { author, reviewer: await Client.signInAs(stack.run.gateway.url, stack.reviewer) };
}
