import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { type AgentRow, Client } from '../../e2e/client.js';
import type { Stack } from '../../e2e/stack.js';
import type { ProofRun } from '../run-proof.js';
import { damagesOf, place } from './damages.js';
import { keyfleet } from './tool.js';

const SHOWN_MS = 240_000;

export async function withStore<T>(stack: Stack, work: (store: EventStore) => Promise<T>): Promise<T> {
  const store = createPostgresEventStore({ url: stack.run.eventStore.url, name: 'proof' });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** What no projection asks for and nobody folds: weight, so that the backup has something to carry. */
export async function fill(store: EventStore, count: number): Promise<void> {
  const at = new Date().toISOString();
  const metadata = { orgId: null, actor: 'svc_proof', at };
  for (let from = 0; from < count; from += 1_000) {
    const events = Array.from({ length: Math.min(1_000, count - from) }, (_, n) => ({
      id: newId('evt'),
      type: 'Weighed',
      v: 1,
      data: { n: from + n, text: newId('cmd').repeat(4) },
      metadata,
    }));
    await store.append(`weight-${from}`, 'no-stream', events);
  }
}

export async function everything(store: EventStore): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  const categories = ['agent', 'journal', 'installation'];
  for (let after: string | undefined; ; ) {
    const page = await store.readAll({ after, limit: 1_000, filter: { categories } });
    found.push(...page.events);
    after = page.upTo;
    if (page.events.length < 1_000) return found;
  }
}

export async function issueToken(client: Client): Promise<string> {
  const permissions = ['agents:read'];
  const answer = await client.request('POST', '/api/v1/orgs/acme/api-tokens', { name: 'proof', permissions });
  if (answer.status !== 201) throw new Error(`An API token was refused: ${JSON.stringify(answer.body)}`);
  return (answer.body as { token: string }).token;
}

/** How many of those who may do nothing any more still may: sessions from before and after the backup, a token. */
export async function rightsAfter(
  stack: Stack,
  { before, since, token }: { before: Client; since: Client; token: string },
): Promise<number> {
  const { url } = stack.run.gateway;
  const path = '/api/v1/orgs/acme/agents';
  const answers = await Promise.all([
    before.at(url).request('GET', path),
    since.at(url).request('GET', path),
    new Client(url).request('GET', path, undefined, { authorization: `Bearer ${token}` }),
  ]);
  const fresh = await Client.signIn(stack);
  const mine = await fresh.request('GET', path);
  return answers.filter(({ status }) => status !== 401).length + (mine.status === 200 ? 0 : 1);
}

/** What only the broker remembered is shown again, and everybody else is online. */
export async function untilShown(
  stack: Stack,
  { outcast, living }: { readonly outcast: string; readonly living: readonly string[] },
): Promise<void> {
  const client = await Client.signIn(stack);
  await waitFor(
    async () => {
      const { items } = await client.get<{ items: AgentRow[] }>('/api/v1/orgs/acme/agents?limit=200');
      const stateOf = new Map(items.map(({ id, state }) => [id, state]));
      return stateOf.get(outcast) === 'revoked' && living.every((id) => stateOf.get(id) === 'online');
    },
    { ceilingMs: SHOWN_MS, what: 'every agent to be shown as it is' },
  );
}

export async function tryDamages(
  installation: string,
  { random }: ProofRun,
  most: number,
): Promise<{ tried: number; undetected: number }> {
  const file = join(installation, 'damaged.age');
  let [tried, undetected] = [0, 0];
  for (const damage of damagesOf(join(installation, 'hour-old.age'), random, most)) {
    place(damage, file);
    tried += 1;
    const { status } = await keyfleet(
      installation,
      'backup',
      'verify',
      'damaged.age',
      '--identity',
      'key.txt',
    );
    if (status !== 3) undetected += 1;
  }
  rmSync(file);
  return { tried, undetected };
}
