import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { type ChangeNotice, listenChanges } from '@keyfleet/read-store';
import { waitFor } from '@keyfleet/testing';
import { Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { Database, roleUrl } from './database.js';
import { History } from './fill.js';
import { judgeReads, type Reads, readAlong } from './reads.js';

export interface RebuildOptions {
  /** An empty folder; the installation's data lies in it. */
  readonly directory: string;
  readonly events: number;
  /** Of reads and writes before the rebuild, to compare with. */
  readonly baselineMs: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

export interface Rebuilt {
  readonly events: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly reads: Reads;
  /** Of its rows told again. */
  readonly repeatedNotices: number;
  readonly resets: number;
  readonly sameRows: boolean;
}

export interface RebuildResult {
  readonly timeline: Rebuilt;
  readonly inventory: Rebuilt;
  readonly before: Reads;
  readonly [figure: string]: unknown;
}

const LIVE_PER_SECOND = 100;
const CEILING_MS = 900_000;
const TIMELINE = 'analytics.events';
const INVENTORY = 'registry.agents';

/** Fills the whole product with history, then rebuilds two of its read models while people read and agents write. */
export async function proveRebuild(options: RebuildOptions): Promise<RebuildResult> {
  const stack = await Stack.start({ directory: options.directory, agents: 2, traffic: true });
  const store = createPostgresEventStore({ url: roleUrl(stack, 'kf_store'), name: 'proof' });
  const database = new Database(stack);
  try {
    return await new RebuildProof({ ...options, stack, store, database }).run();
  } finally {
    await store.close();
    await database.close();
    await stack.stop();
  }
}

interface Parts extends RebuildOptions {
  readonly stack: Stack;
  readonly store: EventStore;
  readonly database: Database;
}

class RebuildProof {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async run(): Promise<RebuildResult> {
    const { stack, store, events, random, say, database, baselineMs } = this.#parts;
    const orgs = stack.run.orgs.map(({ id }) => id);
    const history = new History({ store, orgs, events, random, say });
    const started = performance.now();
    const head = BigInt(await history.fill());
    say(`${head} events are in the store`);
    await this.#reached(head);
    const projectedPerSecond = Math.round(Number(head) / ((performance.now() - started) / 1_000));
    say(`both read models have caught up (${projectedPerSecond} events/s, written and projected)`);
    await database.spoil();
    const client = await Client.signIn(stack);
    const org = stack.run.orgs[0]?.slug ?? '';
    const stop = new AbortController();
    const writing = history.goOn(LIVE_PER_SECOND, stop.signal);
    const before = judgeReads(await during(delay(baselineMs), (signal) => readAlong(client, org, signal)));
    say(`reads before: p50 ${before.p50} ms, p99 ${before.p99} ms (${before.reads})`);
    const timeline = await this.#rebuild(TIMELINE, client, org);
    const inventory = await this.#rebuild(INVENTORY, client, org);
    stop.abort();
    const writtenMeanwhile = await writing;
    return { timeline, inventory, before, projectedPerSecond, writtenMeanwhile };
  }

  async #reached(head: bigint): Promise<void> {
    const { database } = this.#parts;
    await waitFor(
      async () => {
        const positions = await Promise.all(
          [TIMELINE, INVENTORY].map((name) => database.positionOf(name, 1)),
        );
        return positions.every((position) => position >= head);
      },
      { ceilingMs: CEILING_MS },
    );
  }

  /** As an operator does it. */
  async #rebuild(name: string, client: Client, org: string): Promise<Rebuilt> {
    const { stack, database, say } = this.#parts;
    const from = await database.positionOf(name, 1);
    const notices: ChangeNotice[] = [];
    const listening = await listenChanges({
      ...{ url: roleUrl(stack, 'kf_reader'), applicationName: 'proof', onLost: () => undefined },
      onNotice: (notice) => notices.push(notice),
    });
    const started = performance.now();
    const command = this.#command('rebuild', name);
    let seconds = 0;
    const done = command.then(() => {
      seconds = (performance.now() - started) / 1_000;
      // Some reads of the new rows belong to it, too.
      return delay(500);
    });
    const reads = judgeReads(await during(done, (signal) => readAlong(client, org, signal)));
    await listening.close();
    const events = Number(await database.positionOf(name, -1));
    const sameRows = await database.sameRows(name);
    const told = notices.filter(({ readModel }) => readModel === name);
    const perSecond = Math.round(events / seconds);
    say(`${name}: ${events} events in ${seconds.toFixed(1)} s, ${perSecond}/s; reads p99 ${reads.p99} ms`);
    return {
      ...{ events, seconds: Math.round(seconds * 10) / 10, perSecond, reads },
      repeatedNotices: told.filter(({ orgId, position }) => orgId !== null && BigInt(position ?? 0) < from)
        .length,
      resets: told.filter(({ orgId, ids }) => orgId === null && ids.length === 0).length,
      sameRows,
    };
  }

  async #command(...args: readonly string[]): Promise<void> {
    const script = resolve('tools/dist/keyfleet.js');
    const child = spawn(process.execPath, [script, 'projections', ...args], {
      cwd: join(this.#parts.stack.directory),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`keyfleet projections ${args.join(' ')} ended with ${code}`);
  }
}

/** Works along until the other is done. */
async function during<T>(other: Promise<unknown>, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const working = work(stop.signal);
  await other.finally(() => stop.abort());
  return working;
}
