import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { waitFor } from '@keyfleet/testing';
import { askAgent, Client } from '../../e2e/client.js';
import { Stack } from '../../e2e/stack.js';
import { recordBrowser } from './browser.js';
import { FORMS, type Form, leakIn } from './forms.js';
import type { Place } from './places.js';
import { Scanner } from './scanner.js';
import { recordSpans } from './spans.js';
import { storesOf } from './stores.js';
import { recordBroker, recordGateway } from './traffic.js';
import { useSecret } from './use.js';

/** Secrets over all agents at scale 1. */
const SECRETS = 1_000;

const { values: given } = parseArgs({
  options: {
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    scale: { type: 'string', default: '1' },
  },
});
const seed = given.seed;
const scale = Number(given.scale);
const say = (line: string) => process.stdout.write(`${line}\n`);

/** `npm run proof:leak`: uses secrets at real agents, then looks for their values everywhere in the control plane. */
async function main(): Promise<boolean> {
  say(`seed ${seed}, scale ${scale}`);
  const directory = mkdtempSync(join(tmpdir(), 'keyfleet-leak-'));
  const spans = await recordSpans();
  const env = { KEYFLEET_TRACING__ENDPOINT: spans.endpoint };
  const stack = await Stack.start({ directory, traffic: true, env });
  try {
    return await prove(stack, join(directory, '.keyfleet'), spans.place);
  } finally {
    await stack.stop();
    await spans.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function prove(stack: Stack, state: string, spans: Place): Promise<boolean> {
  const { run } = stack;
  const broker = await recordBroker(state, run.nats.url);
  const gateway = await recordGateway(run.gateway.url);
  const browser = await recordBrowser(gateway.url, run, stack.admin.password);
  const stores = storesOf(state, run);
  try {
    const values = await useSecrets(stack);
    await drained(stack);
    await browser.visit();
    await exportEverything(stack, gateway.url);
    const places: Place[] = [broker.place, gateway.place, browser.place, spans, ...stores.places];
    const plants = await plantAll(places);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    return await judge(places, values, plants);
  } finally {
    await browser.close();
    await Promise.all([broker.close(), gateway.close(), stores.close()]);
  }
}

async function useSecrets(stack: Stack): Promise<Map<string, Buffer>> {
  const values = new Map<string, Buffer>();
  const each = Math.max(2, Math.round((SECRETS * scale) / stack.run.agents.length));
  for (const agent of stack.run.agents) {
    for (let index = 0; index < each; index += 1)
      for (const [name, value] of await useSecret(agent, seed, index)) values.set(name, value);
    say(`${agent.name}: ${each} secrets used`);
  }
  return values;
}

/** Until every agent's journal is acknowledged: then everything that could leak has been sent. */
async function drained(stack: Stack): Promise<void> {
  for (const agent of stack.run.agents) {
    await waitFor(
      async () => {
        const { journal } = (await askAgent(agent, 'GET', '/status')).body as {
          journal: { seq: number; acknowledged: number };
        };
        return journal.acknowledged >= journal.seq;
      },
      { ceilingMs: 120_000 },
    );
  }
  say('every journal is acknowledged');
}

/** Every list of the API, all pages, over the recorded way. */
async function exportEverything(stack: Stack, url: string): Promise<void> {
  const client = new Client(url);
  await client.request('POST', '/api/v1/auth/login', stack.admin);
  for (const { slug } of stack.run.orgs) {
    for (const list of ['agents', 'groups', 'enrolment-tokens', 'api-tokens', 'events']) {
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: { nextCursor: string | null } = await client.get(
          `/api/v1/orgs/${slug}/${list}?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
        );
        cursor = page.nextCursor;
      }
    }
  }
}

/** One leak for each place and form, each with a value of its own. */
async function plantAll(places: readonly Place[]): Promise<Map<string, Buffer>> {
  const plants = new Map<string, Buffer>();
  for (const place of places) {
    for (const form of place.forms ?? FORMS) {
      // As text, so that it also fits where only text can be.
      const digest = createHash('sha256').update(`planted ${seed} ${place.name} ${form}`).digest('base64url');
      const value = Buffer.from(digest);
      plants.set(plantName(place, form), value);
      await place.plant(leakIn(form, value));
    }
  }
  say(`${plants.size} leaks planted`);
  return plants;
}

const plantName = (place: Place, form: Form) => `planted ${form} in ${place.name}`;

interface Findings {
  readonly bytes: number;
  readonly plants: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
}

async function search(place: Place, real: Scanner, planted: Scanner): Promise<Findings> {
  const plants = new Set<string>();
  const values = new Set<string>();
  let bytes = 0;
  for await (const piece of place.read()) {
    bytes += piece.length;
    for (const hit of planted.scan(piece)) plants.add(hit.name);
    for (const hit of real.scan(piece)) values.add(`${hit.name} (${hit.form})`);
  }
  return { bytes, plants, values };
}

async function judge(
  places: readonly Place[],
  values: ReadonlyMap<string, Buffer>,
  plants: ReadonlyMap<string, Buffer>,
): Promise<boolean> {
  const scanners = [new Scanner(values), new Scanner(plants)] as const;
  const total = {
    values: values.size,
    places: places.length,
    bytes: 0,
    planted: plants.size,
    plantsFound: 0,
    emptyPlaces: 0,
    hits: 0,
  };
  for (const place of places) {
    const found = await search(place, ...scanners);
    const wanted = (place.forms ?? FORMS).map((form) => plantName(place, form));
    const missed = wanted.filter((name) => !found.plants.has(name));
    total.bytes += found.bytes;
    total.plantsFound += wanted.length - missed.length;
    total.emptyPlaces += found.bytes === 0 ? 1 : 0;
    total.hits += found.values.size;
    const counts = `planted leaks found ${wanted.length - missed.length}/${wanted.length}   values found ${found.values.size}`;
    say(`${place.name.padEnd(34)} ${String(found.bytes).padStart(12)} bytes   ${counts}`);
    for (const name of missed) say(`  not found: ${name}`);
    for (const hit of [...found.values].slice(0, 10)) say(`  LEAKED: ${hit}`);
  }
  const held = total.hits === 0 && total.plantsFound === total.planted && total.emptyPlaces === 0;
  say(JSON.stringify({ proof: 'leak', held, seed, scale, ...total }));
  return held;
}

main().then(
  (held) => process.exit(held ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    say(JSON.stringify({ proof: 'leak', held: false, seed, scale }));
    process.exit(1);
  },
);
