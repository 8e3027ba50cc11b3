import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type Simulator, startSimulator, waitFor } from '@keyfleet/testing';
import { type AgentRow, Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { SIMULATOR } from '../liveness/simulated.js';
import { Broker } from './broker.js';

export interface StormWorldOptions {
  readonly directory: string;
  readonly seed: string;
  readonly agents: number;
  /** How many times faster detection and the agents' links live; 1 by default. */
  readonly factor?: number;
  /** 24 hours by default. */
  readonly credentialLifeSeconds?: number;
  readonly say: (line: string) => void;
}

/** Enrolments a second the machine takes beside everything else. */
const PER_SECOND = 60;
const USES_OF_A_TOKEN = 1_000;
const TOKEN_LIVES_SECONDS = 3_600;
const PAGE = 5_000;
const ROWS = 200;

/** The product as users start it, and a fleet of simulated agents that are all connected and shown online. */
export class StormWorld {
  readonly stack: Stack;
  readonly client: Client;
  readonly store: EventStore;
  readonly simulator: Simulator;
  readonly broker: Broker;
  readonly factor: number;
  readonly #options: StormWorldOptions;

  private constructor(stack: Stack, client: Client, options: StormWorldOptions) {
    this.stack = stack;
    this.client = client;
    this.#options = options;
    this.factor = options.factor ?? 1;
    this.broker = new Broker(stack);
    this.store = createPostgresEventStore({ url: stack.run.eventStore.url, name: 'proof' });
    this.simulator = this.startSimulator('fleet');
  }

  static async start(options: StormWorldOptions): Promise<StormWorld> {
    const { directory, factor, credentialLifeSeconds } = options;
    const env = {
      ...(factor !== undefined && { KEYFLEET_TEST_TIME_FACTOR: String(factor) }),
      ...(credentialLifeSeconds !== undefined && {
        KEYFLEET_ENROLMENT__CREDENTIAL_LIFE_SECONDS: String(credentialLifeSeconds),
      }),
    };
    const stack = await Stack.start({ directory, agents: 0, env });
    const world = new StormWorld(stack, await Client.signIn(stack), options);
    try {
      await world.#enrolAll();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get agents(): number {
    return this.#options.agents;
  }

  /** Another process of agents, none in it yet. */
  startSimulator(name: string): Simulator {
    const { directory, seed } = this.#options;
    return startSimulator({
      ...{ script: SIMULATOR, seed: `${seed}-${name}`, timeFactor: this.factor },
      controlPlaneUrl: this.stack.run.gateway.url,
      directory: join(directory, name),
    });
  }

  async token(uses: number, org = 0): Promise<string> {
    const { orgs } = this.stack.run;
    const slug = orgs[org % orgs.length]?.slug ?? '';
    const body = { uses, expiresIn: TOKEN_LIVES_SECONDS };
    const answer = await this.client.request('POST', `/api/v1/orgs/${slug}/enrolment-tokens`, body);
    if (answer.status !== 201) throw new Error(`a token was answered with ${answer.status}`);
    return (answer.body as { token: string }).token;
  }

  /** Everybody as the API shows them. */
  async shown(): Promise<readonly AgentRow[]> {
    const rows: AgentRow[] = [];
    for (const { slug } of this.stack.run.orgs) {
      let cursor: string | null = null;
      do {
        const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const path = `/api/v1/orgs/${slug}/agents?limit=${ROWS}${after}`;
        const page: Page = await this.client.get<Page>(path);
        rows.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
    }
    return rows;
  }

  /** Resolves when the control plane shows each of them online; false where the ceiling comes first. */
  async allShownOnline(agents: number, ceilingMs = 180_000): Promise<boolean> {
    const online = async (): Promise<boolean> => {
      const rows = await this.shown().catch(() => []);
      // Reading a fleet is no poll to repeat every few milliseconds.
      await delay(1_000);
      return rows.filter(({ state }) => state === 'online').length >= agents;
    };
    return waitFor(online, { ceilingMs }).then(
      () => true,
      () => false,
    );
  }

  async facts(types: readonly string[], after: string): Promise<readonly RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    for (let from = after; ; ) {
      const page = await this.store.readAll({ filter: { types }, limit: PAGE, after: from });
      found.push(...page.events);
      if (page.events.length < PAGE) return found;
      from = page.upTo;
    }
  }

  async close(): Promise<void> {
    this.broker.release();
    await this.simulator.kill();
    await this.store.close();
    await this.stack.stop();
  }

  async #enrolAll(): Promise<void> {
    const { agents, say } = this.#options;
    for (let added = 0; added < agents; added += USES_OF_A_TOKEN) {
      const some = Math.min(USES_OF_A_TOKEN, agents - added);
      const enrolmentToken = await this.token(some, added / USES_OF_A_TOKEN);
      await this.simulator.tell({ kind: 'add', agents: some, enrolmentToken, perSecond: PER_SECOND });
    }
    if (!(await this.allShownOnline(agents))) throw new Error('The fleet did not come up.');
    say(`${agents} agents enrolled, connected over mutual TLS and shown online`);
  }
}

interface Page {
  readonly items: readonly AgentRow[];
  readonly nextCursor: string | null;
}
