import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type FaultProxy, startFaultProxy, waitFor } from '@keyfleet/testing';
import { askAgent, Client, type EventRow } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { readJournal, redirect } from './agent-disk.js';
import { type AgentHistory, isClean, judge, sum, type Verdict } from './history.js';
import { agentTool, FAILPOINTS, type Failpoint, kill, planKills } from './kills.js';
import { writeSecrets } from './load.js';

export interface LossOptions {
  /** An empty folder; the installation's data lies in it. */
  readonly directory: string;
  readonly agents: number;
  /** Secrets written at each agent. */
  readonly entriesPerAgent: number;
  readonly kills: number;
  readonly overMs: number;
  /** How long one agent has no network. */
  readonly cutOffMs: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

export interface LossResult extends Verdict {
  readonly held: boolean;
  readonly agents: number;
  readonly entries: number;
  readonly kills: number;
  readonly killsByTarget: Readonly<Record<string, number>>;
  readonly falseOffline: number;
  /** From the end of the writing until every entry was acknowledged. */
  readonly drainSeconds: number;
}

const DRAIN_CEILING_MS = 300_000;

/** Starts the whole product, writes, kills, waits until all is quiet, and compares what everybody has. */
export async function proveNoLoss(options: LossOptions): Promise<LossResult> {
  const failpoints = join(options.directory, 'failpoints');
  mkdirSync(failpoints, { recursive: true });
  const failpointFile = (name: Failpoint) => join(failpoints, name);
  const armed = FAILPOINTS.map((name) => [name, { killWhenFile: failpointFile(name) }]);
  const stack = await Stack.start({
    directory: options.directory,
    agents: options.agents,
    traffic: true,
    env: { KEYFLEET_FAILPOINTS: JSON.stringify(Object.fromEntries(armed)) },
  });
  const proxy = await startFaultProxy({ port: Number(new URL(stack.run.nats.url).port) });
  const store = createPostgresEventStore({ url: stack.run.eventStore.url });
  try {
    return await new Proof({ ...options, stack, proxy, store, failpointFile }).run();
  } finally {
    await store.close();
    await stack.stop();
    await proxy.close();
    rmSync(failpoints, { recursive: true, force: true });
  }
}

interface Parts extends LossOptions {
  readonly stack: Stack;
  readonly proxy: FaultProxy;
  readonly store: EventStore;
  readonly failpointFile: (name: Failpoint) => string;
}

class Proof {
  readonly #parts: Parts;
  readonly #performed = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async run(): Promise<LossResult> {
    const { stack, random, say, agents, entriesPerAgent, overMs } = this.#parts;
    await this.#behindProxy();
    const writing = stack.run.agents.map((_, index) => {
      const agent = () => stack.run.agents[index] as (typeof stack.run.agents)[number];
      return writeSecrets({ agent, entries: entriesPerAgent, overMs, random });
    });
    const [confirmed] = await Promise.all([Promise.all(writing), this.#killAll(), this.#cutOff()]);
    say('everything is written and nobody dies any more');
    const stopped = performance.now();
    await this.#drained();
    const drainSeconds = Math.round((performance.now() - stopped) / 100) / 10;
    say(`every journal was acknowledged ${drainSeconds} s later`);
    const histories = await this.#histories(confirmed);
    const verdict = sum(histories.map(judge));
    const falseOffline = await this.#falseOffline();
    return {
      held: isClean(verdict) && falseOffline === 0,
      agents,
      entries: histories.reduce((total, { recorded }) => total + recorded.length, 0),
      kills: [...this.#performed.values()].reduce((total, count) => total + count, 0),
      killsByTarget: Object.fromEntries([...this.#performed].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...verdict,
      falseOffline,
      drainSeconds,
    };
  }

  get #last() {
    const { agents } = this.#parts.stack.run;
    return agents[agents.length - 1] as (typeof agents)[number];
  }

  /** The last agent reaches the broker by a way that can be cut. */
  async #behindProxy(): Promise<void> {
    const { stack, proxy } = this.#parts;
    await agentTool(stack, 'stop', this.#last.name);
    redirect(this.#directoryOf(this.#last.name), proxy.through(stack.run.nats.url));
    await agentTool(stack, 'start', this.#last.name);
  }

  #directoryOf(agent: string): string {
    return join(this.#parts.directory, '.keyfleet', 'agents', agent);
  }

  async #killAll(): Promise<void> {
    const { stack, say, failpointFile } = this.#parts;
    const claimsDirectory = join(this.#parts.directory, '.keyfleet', 'nats', 'claims');
    for (const next of planKills(this.#parts)) {
      await delay(next.afterMs);
      const done = await kill(next, { stack, claimsDirectory, failpointFile, say });
      if (done) this.#performed.set(next.target, (this.#performed.get(next.target) ?? 0) + 1);
    }
  }

  async #cutOff(): Promise<void> {
    const { proxy, cutOffMs, overMs, say, random } = this.#parts;
    await delay(random() * Math.max(overMs - cutOffMs, 0));
    say(`${this.#last.name} has no network for ${Math.round(cutOffMs / 1_000)} s`);
    proxy.set({ mode: 'refuse' });
    proxy.reset();
    await delay(cutOffMs);
    proxy.heal();
  }

  async #drained(): Promise<void> {
    for (const { name } of this.#parts.stack.run.agents)
      await waitFor(() => this.#isDrained(name), {
        ceilingMs: DRAIN_CEILING_MS,
        what: `the drain of ${name}`,
      });
  }

  async #isDrained(name: string): Promise<boolean> {
    const agent = this.#parts.stack.run.agents.find((one) => one.name === name);
    if (!agent) return false;
    const { journal } = (await askAgent(agent, 'GET', '/status')).body as {
      journal: { seq: number; acknowledged: number };
    };
    return journal.acknowledged === journal.seq;
  }

  async #histories(confirmed: readonly string[][]): Promise<AgentHistory[]> {
    const { stack, store } = this.#parts;
    // What they record as they stop stays with them.
    const agents = stack.run.agents;
    for (const { name } of agents) await agentTool(stack, 'stop', name);
    const histories: AgentHistory[] = [];
    for (const [index, { id, name, org }] of agents.entries()) {
      const { recorded, pending } = readJournal(this.#directoryOf(name));
      const stored = await journalOf(store, id);
      const shown = await this.#shown(org, id, new Set(stored.map((event) => event.id)).size);
      histories.push({ recorded, pending, stored, shown, confirmed: confirmed[index] ?? [] });
    }
    return histories;
  }

  /** Waits a while for the projection to come up to what is stored; what is not there then counts as missing. */
  async #shown(org: string, agentId: string, expected: number): Promise<string[]> {
    const client = await Client.signIn(this.#parts.stack);
    let found: string[] = [];
    const until = performance.now() + 60_000;
    do {
      found = await journalIdsShown(client, org, agentId);
    } while (found.length < expected && performance.now() < until && (await delay(1_000, true)));
    return found;
  }

  /** Nobody was away for as long as an agent has to be silent. */
  async #falseOffline(): Promise<number> {
    let offline = 0;
    for (const event of await everything(this.#parts.store, 'liveness'))
      if (event.type === 'AgentWentOffline') offline += 1;
    return offline;
  }
}

async function everything(store: EventStore, category: string): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  const head = await store.headPosition();
  for (let after: string | undefined; after === undefined || store.comparePositions(after, head) < 0; ) {
    const page = await store.readAll({ after, filter: { categories: [category] } });
    found.push(...page.events);
    after = page.upTo;
  }
  return found;
}

async function journalOf(store: EventStore, agentId: string): Promise<RecordedEvent[]> {
  const events = await everything(store, 'journal');
  return events.filter(({ stream }) => stream.startsWith(`journal-${agentId}.`));
}

async function journalIdsShown(client: Client, org: string, agentId: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = `agentId=${agentId}&limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
    const page: { items: EventRow[]; nextCursor: string | null } = await client.get(
      `/api/v1/orgs/${org}/events?${query}`,
    );
    ids.push(...page.items.filter(({ stream }) => stream.startsWith('journal-')).map(({ id }) => id));
    cursor = page.nextCursor;
  }
  return ids;
}
