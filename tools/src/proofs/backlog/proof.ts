import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type Simulator, startSimulator } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { pages } from '../loss/store-pages.js';

export interface BacklogOptions {
  readonly directory: string;
  readonly seed: string;
  /** Agents that come back after three days, and what each of them brings. */
  readonly returning: number;
  readonly entriesEach: number;
  /** Agents that go on meanwhile, an entry a second each. */
  readonly live: number;
  readonly say: (line: string) => void;
}

export interface BacklogResult {
  readonly held: boolean;
  readonly entries: number;
  readonly drainSeconds: number;
  readonly entriesPerSecond: number;
  /** From an agent's recording to the store's, of those who were live while the backlog drained. */
  readonly liveEntries: number;
  readonly liveLagMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly missing: number;
  readonly reordered: number;
}

const THREE_DAYS_MS = 3 * 86_400_000;
const LAG_MS = 2_000;
const ORG = 'acme';

/** Agents come back with three days of entries while others go on; who was there all the time must not wait for them. */
export async function proveBacklog(options: BacklogOptions): Promise<BacklogResult> {
  const { directory, say, returning, live } = options;
  const stack = await Stack.start({ directory, agents: 0 });
  const store = createPostgresEventStore({ url: stack.run.eventStore.url });
  const simulator = startSimulator({
    script: join(process.cwd(), 'apps/agent/dist/simulator/main.js'),
    directory: join(directory, 'simulator'),
    seed: options.seed,
    controlPlaneUrl: stack.run.gateway.url,
  });
  try {
    const enrolmentToken = await tokenFor(stack, returning + live);
    await simulator.tell({ kind: 'add', agents: returning + live, enrolmentToken, perSecond: 20 });
    say(`${returning + live} agents are connected`);
    return await drain(options, simulator, store);
  } finally {
    await simulator.close();
    await store.close();
    await stack.stop();
  }
}

async function tokenFor(stack: Stack, uses: number): Promise<string> {
  const client = await Client.signIn(stack);
  const answer = await client.request('POST', `/api/v1/orgs/${ORG}/enrolment-tokens`, { uses });
  if (answer.status !== 201) throw new Error(`An enrolment token was refused: ${answer.status}`);
  return (answer.body as { token: string }).token;
}

async function drain(
  { returning, entriesEach, live, say }: BacklogOptions,
  simulator: Simulator,
  store: EventStore,
): Promise<BacklogResult> {
  const coming = Array.from({ length: returning }, (_, index) => index);
  const staying = Array.from({ length: live }, (_, index) => returning + index);
  // Mute, so that everything waits; then they are heard again all at once.
  await simulator.tell({ kind: 'silence', agents: coming });
  await simulator.tell({ kind: 'journal', agents: coming, entries: entriesEach, agoMs: THREE_DAYS_MS });
  say(`${returning * entriesEach} entries of three days wait`);
  const stop = new AbortController();
  const living = goOn(simulator, staying, stop.signal);
  const began = Date.now();
  await simulator.tell({ kind: 'speak', agents: coming });
  await simulator.tell({ kind: 'drained', agents: coming });
  const ended = Date.now();
  stop.abort();
  await living;
  await simulator.tell({ kind: 'drained', agents: staying });
  say(`they are drained after ${(ended - began) / 1_000} s`);
  return judge(simulator, store, { coming, began, ended, entries: returning * entriesEach });
}

async function goOn(simulator: Simulator, agents: readonly number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await simulator.tell({ kind: 'journal', agents, entries: 1 });
    await delay(1_000, undefined, { signal }).catch(() => undefined);
  }
}

interface Drained {
  readonly coming: readonly number[];
  readonly began: number;
  readonly ended: number;
  readonly entries: number;
}

async function judge(simulator: Simulator, store: EventStore, drained: Drained): Promise<BacklogResult> {
  const { coming, began, ended, entries } = drained;
  const { agents } = await simulator.report();
  const returned = agents.filter(({ index }) => coming.includes(index));
  const seen = new Seen(new Set(returned.map(({ agentId }) => agentId)), drained);
  for await (const { events } of pages(store, ['journal'])) for (const event of events) seen.take(event);
  const missing = returned.reduce((sum, { recorded }) => sum + recorded, 0) - seen.stored;
  const liveLagMs = { p50: seen.lagAt(0.5), p99: seen.lagAt(0.99), max: seen.lagAt(1) };
  const seconds = (ended - began) / 1_000;
  return {
    held: missing === 0 && seen.reordered === 0 && seen.lags.length > 0 && liveLagMs.p99 < LAG_MS,
    entries,
    drainSeconds: Math.round(seconds * 10) / 10,
    entriesPerSecond: Math.round(entries / seconds),
    liveEntries: seen.lags.length,
    liveLagMs,
    missing,
    reordered: seen.reordered,
  };
}

/** What the store has of those who returned, and how late it had what the others recorded meanwhile. */
class Seen {
  readonly lags: number[] = [];
  stored = 0;
  reordered = 0;
  readonly #returned: ReadonlySet<string>;
  readonly #between: Pick<Drained, 'began' | 'ended'>;
  readonly #last = new Map<string, string>();

  constructor(returned: ReadonlySet<string>, between: Pick<Drained, 'began' | 'ended'>) {
    this.#returned = returned;
    this.#between = between;
  }

  take({ stream, recordedAt, metadata }: RecordedEvent): void {
    const agentId = stream.slice('journal-'.length, stream.lastIndexOf('.'));
    if (this.#returned.has(agentId)) this.#takeReturned(agentId, metadata.at);
    else this.#takeLive(Date.parse(recordedAt), Date.parse(metadata.at));
  }

  #takeReturned(agentId: string, at: string): void {
    this.stored += 1;
    if ((this.#last.get(agentId) ?? '') > at) this.reordered += 1;
    this.#last.set(agentId, at);
  }

  #takeLive(recordedAt: number, at: number): void {
    const { began, ended } = this.#between;
    if (recordedAt >= began && recordedAt <= ended) this.lags.push(recordedAt - at);
  }

  lagAt(share: number): number {
    const sorted = this.lags.toSorted((a, b) => a - b);
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  }
}
