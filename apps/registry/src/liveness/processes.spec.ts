import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { newId } from '@keyfleet/platform';
import { testNats, waitFor } from '@keyfleet/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type RegistryDatabase, registryDatabase } from '../testing/database.js';
import { beatsOf, enrolment, newAgent, type TestAgent } from './testing/agents.js';
import type { ReplicaProcessOptions } from './testing/replica-process.js';

const FACTOR = 8;
const CADENCE_MS = 27_000 / FACTOR;
const SILENCE_MS = 90_000 / FACTOR;
const LEAST_KILLS = 5;
const MOST_KILLS = 60;

const REGISTER = join(process.cwd(), 'libs/testing/jest/register.mjs');
const REPLICA = join(process.cwd(), 'apps/registry/src/liveness/testing/replica-process.ts');

let database: RegistryDatabase;
let nats: Awaited<ReturnType<typeof testNats>>;
let store: EventStore;
let fleet: NatsConnection;
let options: ReplicaProcessOptions;
const children = new Set<ChildProcess>();
const beating = new Set<TestAgent>();
let beats: NodeJS.Timeout;

beforeAll(async () => {
  database = await registryDatabase();
  nats = await testNats();
  store = createPostgresEventStore({ url: database.urlFor('kf_store'), name: 'spec' });
  fleet = await connect({ servers: nats.url });
  options = {
    workerUrl: database.urlFor('kf_worker'),
    storeUrl: database.urlFor('kf_store'),
    natsUrl: nats.url,
    installationId: newId('ins'),
    replicaId: '',
    factor: FACTOR,
    beganAt: Date.now(),
  };
  const due = new Map<TestAgent, number>();
  beats = setInterval(() => {
    for (const agent of beating) {
      if ((due.get(agent) ?? 0) > performance.now()) continue;
      due.set(agent, performance.now() + CADENCE_MS * (0.9 + Math.random() * 0.1));
      const { subject, payload } = beatsOf(agent);
      fleet.publish(subject, payload);
    }
  }, 50);
});

afterAll(async () => {
  clearInterval(beats);
  for (const child of children) child.kill('SIGKILL');
  await fleet.close();
  await store.close();
  await nats.stop();
  await database.drop();
});

/** Resolves when it has taken its first look. */
async function start(replicaId: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', REGISTER, REPLICA], {
    env: { ...process.env, REPLICA: JSON.stringify({ ...options, replicaId }) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
  return child;
}

async function facts(type: string): Promise<string[]> {
  const { events } = await store.readAll({ filter: { types: [type] }, limit: 10_000 });
  return events.map(({ data }) => (data as { agentId: string }).agentId).sort();
}

it('F4: three replicas, one of them killed every few seconds, find every silent agent once and no other', async () => {
  const orgs = [newId('org'), newId('org'), newId('org')];
  const agents = Array.from({ length: 45 }, (_, index) => newAgent(orgs[index % 3] as string));
  for (const agent of agents) await store.append(...enrolment(agent));
  for (const agent of agents) beating.add(agent);
  const replicas = await Promise.all(['a', 'b', 'c'].map(start));
  await waitFor(async () => (await facts('AgentCameOnline')).length === agents.length, { ceilingMs: 60_000 });

  const dead = agents.filter((_, index) => index % 4 === 0);
  for (const agent of dead) beating.delete(agent);
  const expected = dead.map(({ agentId }) => agentId).sort();
  const end = performance.now() + SILENCE_MS * 2.5;
  const goesOn = async () =>
    performance.now() < end || (await facts('AgentWentOffline')).length < expected.length;
  for (let kills = 0; kills < LEAST_KILLS || (kills < MOST_KILLS && (await goesOn())); kills += 1) {
    const victim = kills % replicas.length;
    replicas[victim]?.kill('SIGKILL');
    replicas[victim] = await start('abc'[victim] as string);
    await delay(300);
  }
  expect(await facts('AgentWentOffline')).toEqual(expected);

  for (const agent of dead) beating.add(agent);
  await waitFor(async () => (await facts('AgentCameOnline')).length >= agents.length + dead.length, {
    ceilingMs: 30_000,
  });
  expect(await facts('AgentCameOnline')).toEqual([...agents, ...dead].map(({ agentId }) => agentId).sort());
  expect(await facts('AgentWentOffline')).toEqual(expected);
}, 180_000);
