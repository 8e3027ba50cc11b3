import { setTimeout as delay } from 'node:timers/promises';
import type { AppendResult, ExpectedRevision, NewEvent } from '@keyfleet/event-store';
import { isKeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { seeded } from '../random.js';
import type { OrderedStore } from './naive-store.js';
import {
  idNumber,
  NEVER,
  openStore,
  RARE,
  type WriterNews,
  type WriterOrder,
  type WriterSettings,
} from './protocol.js';

/** Several writers of one process: each appends to streams of its own, pauses at random, and expects wrongly now and then. */
const settings = JSON.parse(String(process.env.KEYFLEET_PROOF)) as WriterSettings;
const random = seeded(settings.seed);
const WRONG = 0.09;
const PAUSED = 0.2;
const NEWS_EVERY_MS = 200;

let store: OrderedStore;
let pace: number | null = null;
let stopping = false;
let begun = 0;
let since = performance.now();
let news = { acks: [] as [number, number][], conflicts: 0, undone: 0, wronglyTaken: 0 };

function tell(stopped?: true): void {
  process.send?.({ ...news, ...(stopped ? { stopped } : {}) } satisfies WriterNews);
  news = { acks: [], conflicts: 0, undone: 0, wronglyTaken: 0 };
}

function event(type: string): NewEvent {
  const at = new Date().toISOString();
  const data = { path: `teams/payments/${begun}`, version: begun, bytes: 48, reason: 'schedule' };
  return { id: newId('evt'), type, v: 1, data, metadata: { orgId: null, actor: settings.name, at } };
}

/** The outcome of what the server undid, or never answered, is unknown: the same is sent again. */
async function insist(append: () => Promise<AppendResult>): Promise<AppendResult> {
  for (;;) {
    try {
      return await append();
    } catch (error) {
      if (!isKeyfleetError(error, 'store.unavailable')) throw error;
      news.undone += 1;
      await delay(1 + random() * 5);
    }
  }
}

/** Behind the stream or beyond it; the naive store knows only of the first. */
function wrongFor(revision: ExpectedRevision): ExpectedRevision {
  if (revision === 'no-stream') return 3n;
  const beyond = settings.driver === 'postgres' && random() < 0.5;
  return beyond ? revision + 1n + BigInt(Math.floor(random() * 3)) : 'no-stream';
}

async function appendOne(stream: string, revision: ExpectedRevision): Promise<ExpectedRevision> {
  const draw = random();
  if (draw < WRONG && (revision !== 'no-stream' || settings.driver === 'postgres')) {
    const wrong = wrongFor(revision);
    const result = await insist(() => store.append(stream, wrong, [event(NEVER)]));
    if (result.outcome === 'conflict') news.conflicts += 1;
    else news.wronglyTaken += 1;
    return revision;
  }
  const next = event(draw < WRONG + 0.1 ? RARE : draw < 0.5 ? 'Even' : 'Odd');
  const result = await insist(() => store.append(stream, revision, [next]));
  if (result.outcome === 'conflict')
    throw new Error(`${stream}: a writer alone in its stream met a conflict`);
  news.acks.push([Number(result.position), idNumber(next.id)]);
  return result.revision;
}

async function lane(name: string): Promise<void> {
  let revision: ExpectedRevision = 'no-stream';
  for (let stream = 0, n = 0; !stopping; n += 1) {
    await turn();
    if (stopping) return;
    if (n > 0 && n % 500 === 0) {
      stream += 1;
      revision = 'no-stream';
    }
    revision = await appendOne(`${name}.${stream}`, revision);
    if (random() < PAUSED) await delay(random() * 4);
  }
}

/** Waits until the pace allows another append. */
async function turn(): Promise<void> {
  for (; pace !== null && !stopping; await delay(5)) {
    if (begun < ((performance.now() - since) / 1_000) * pace) break;
  }
  begun += 1;
}

async function run(url: string): Promise<void> {
  store = openStore(settings.driver, url, `order ${settings.name}`);
  const reporting = setInterval(() => tell(), NEWS_EVERY_MS);
  const lanes = Array.from({ length: settings.writers * settings.depth }, (_, n) =>
    lane(`${n % 3 === 0 ? 'alpha' : 'beta'}-${settings.name}.${n}`),
  );
  await Promise.all(lanes);
  clearInterval(reporting);
  await store.close();
  tell(true);
  process.disconnect?.();
}

process.on('message', (order: WriterOrder) => {
  if ('url' in order) void run(order.url);
  else if ('pace' in order) [pace, begun, since] = [order.pace, 0, performance.now()];
  else stopping = true;
});
process.on('disconnect', () => process.exit());
