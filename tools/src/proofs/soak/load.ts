import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Simulator, startSimulator } from '@keyfleet/testing';
import { type AgentRow, Client } from '../../e2e/client.js';
import { followFleet } from '../../e2e/fleet-subscription.js';
import type { Stack } from '../../e2e/stack.js';

const SIMULATOR = resolve('apps/agent/dist/simulator/main.js');
const BETWEEN_READS_MS = 100;
const BETWEEN_CHANGES_MS = 2_000;
const FOLLOWED_FOR_MS = 10_000;
const JOURNAL = { entries: 2, everyMs: 20_000 };

export interface LoadOptions {
  readonly stack: Stack;
  readonly directory: string;
  readonly seed: string;
  readonly simulated: number;
  readonly signal: AbortSignal;
}

export interface Work {
  reads: number;
  changes: number;
  liveChanges: number;
  subscriptions: number;
  failures: number;
}

/** Everybody who uses a fleet, steadily: people who read, change and watch, and agents that beat and journal. */
export class Load {
  readonly work: Work = { reads: 0, changes: 0, liveChanges: 0, subscriptions: 0, failures: 0 };
  readonly #options: LoadOptions;
  readonly #org: string;
  #simulator: Simulator | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#org = options.stack.run.orgs[0]?.slug ?? '';
  }

  /** How many simulated agents there are. */
  async start(): Promise<{ readonly simulated: number; readonly done: Promise<unknown> }> {
    const client = await Client.signIn(this.#options.stack);
    const simulated = await this.#simulate(client);
    const parts = [this.#read(client), this.#change(client), this.#watch(client), this.#comeAndGo(client)];
    if (this.#simulator) parts.push(this.#journal(this.#simulator));
    return { simulated, done: Promise.all(parts).finally(() => this.#simulator?.close()) };
  }

  async #simulate(client: Client): Promise<number> {
    const { simulated, directory, seed, stack } = this.#options;
    if (simulated === 0 || !existsSync(SIMULATOR)) return 0;
    const answer = await client.request('POST', `/api/v1/orgs/${this.#org}/enrolment-tokens`, {
      uses: simulated,
    });
    const { token } = answer.body as { token: string };
    const folder = join(directory, 'simulator');
    mkdirSync(folder, { recursive: true });
    this.#simulator = startSimulator({
      ...{ script: SIMULATOR, directory: folder, seed, controlPlaneUrl: stack.run.gateway.url },
    });
    await this.#simulator.tell({ kind: 'add', agents: simulated, enrolmentToken: token, perSecond: 20 });
    return simulated;
  }

  async #over(ms: number, once: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      await once().catch(() => {
        this.work.failures += 1;
      });
      await delay(ms, undefined, { signal }).catch(() => undefined);
    }
  }

  #read(client: Client): Promise<void> {
    const base = `/api/v1/orgs/${this.#org}`;
    const paths = [`${base}/agents`, `${base}/events?limit=50`, `${base}/agents?filter=state%20%3D%20online`];
    const query = `{ org(slug: "${this.#org}") { agents(first: 20) { edges { node { id name state } } } } }`;
    return this.#over(BETWEEN_READS_MS, async () => {
      await client.get(paths[this.work.reads % paths.length] ?? '');
      await client.graphql(query);
      this.work.reads += 2;
    });
  }

  #change(client: Client): Promise<void> {
    const base = `/api/v1/orgs/${this.#org}/agents`;
    return this.#over(BETWEEN_CHANGES_MS, async () => {
      const { items } = await client.get<{ items: AgentRow[] }>(`${base}?limit=5`);
      const agent = items[this.work.changes % items.length];
      const labels = { env: 'soak', turn: String(this.work.changes % 10) };
      const answer = await client.request('PATCH', `${base}/${agent?.id}`, { labels });
      if (answer.status >= 400) throw new Error(`a change was answered ${answer.status}`);
      this.work.changes += 1;
    });
  }

  /** One who looks all the time. */
  async #watch(client: Client): Promise<void> {
    const follower = followFleet(client, this.#org);
    const { signal } = this.#options;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    this.work.liveChanges += follower.changes.length;
    await follower.close();
  }

  /** Others who open the page and close it. */
  #comeAndGo(client: Client): Promise<void> {
    const { signal } = this.#options;
    return this.#over(0, async () => {
      const follower = followFleet(client, this.#org);
      this.work.subscriptions += 1;
      await delay(FOLLOWED_FOR_MS, undefined, { signal }).catch(() => undefined);
      this.work.liveChanges += follower.changes.length;
      await follower.close();
    });
  }

  #journal(simulator: Simulator): Promise<void> {
    const { entries, everyMs } = JOURNAL;
    return this.#over(0, () => simulator.tell({ kind: 'journal', agents: 'all', entries, overMs: everyMs }));
  }
}
