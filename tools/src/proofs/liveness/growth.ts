import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { agentSubject } from '@keyfleet/contracts/messages';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { type BenchAgent, BenchFleet } from '../../bench/fleet.js';
import { CpuMeter } from '../detection/processes.js';

export interface GrowthOptions {
  readonly directory: string;
  /** Agents, ascending. */
  readonly sizes: readonly number[];
  /** How long each size beats at its own pace. */
  readonly steadySeconds: number;
  readonly say: (line: string) => void;
}

/** What detection costs with so many agents, in real time. */
export interface GrowthFigure {
  readonly agents: number;
  /** Written through to last-seen by one registry, as fast as they come. */
  readonly beatsPerSecond: number;
  /** In the mean, while each agent beats every 30 s. */
  readonly sweepMs: number;
  readonly flushMs: number;
  /** Of one core, meanwhile. */
  readonly cpu: Readonly<Record<string, number>>;
}

const EVERY_SECONDS = 30;
const TICKS_PER_SECOND = 10;
/** At full speed; more than a flush or two. */
const BEATS = 100_000;
const FLUSH_EVERY = 1_000;
const CEILING_MS = 180_000;

/** The same registry with ever more agents, whose beats the harness sends with a credential of its own. */
export async function measureGrowth(options: GrowthOptions): Promise<readonly GrowthFigure[]> {
  const fleet = await BenchFleet.start(options.directory);
  try {
    const connection = await fleet.broker.connectWitness();
    const hearts: Heart[] = [];
    const figures: GrowthFigure[] = [];
    for (const size of options.sizes) {
      const added = await fleet.enrol(size - hearts.length);
      hearts.push(...added.map((agent) => new Heart(agent)));
      await fleet.caughtUp();
      await comeOnline(fleet, connection, hearts);
      const steady = await beatSteadily(fleet, connection, { hearts, seconds: options.steadySeconds });
      const beatsPerSecond = await beatAtFullSpeed(fleet, connection, hearts);
      figures.push({ agents: size, beatsPerSecond, ...steady });
      options.say(JSON.stringify(figures.at(-1)));
    }
    await connection.close();
    return figures;
  } finally {
    await fleet.stop();
  }
}

class Heart {
  readonly subject: string;
  readonly agentId: string;
  readonly #bootId = randomUUID();
  counter = 0;

  constructor(agent: BenchAgent) {
    this.subject = agentSubject(agent, 'hb');
    this.agentId = agent.agentId;
  }

  beat(): string {
    this.counter += 1;
    return `{"v":1,"agentId":"${this.agentId}","bootId":"${this.#bootId}","counter":${this.counter},${REST}`;
  }
}

const REST = JSON.stringify({
  at: '2026-01-01T00:00:00.000Z',
  agentVersion: '1.0.0',
  journal: { epoch: 1, seq: 0, acknowledged: 0 },
  policy: null,
  secrets: 12,
  storage: 'ok',
  seal: 'unsealed',
  latency: [5, 3, 1, 0, 0, 0, 0, 0, 0, 0],
}).slice(1);

async function comeOnline(fleet: BenchFleet, connection: NatsConnection, hearts: readonly Heart[]) {
  await send(connection, hearts, { from: 0, count: hearts.length });
  const online = async (): Promise<boolean> => {
    const [row] = await fleet.sql<{ n: number }[]>`
      select count(*)::int as n from registry.agent_last_seen where state = 'online'`;
    await delay(500);
    return (row?.n ?? 0) >= hearts.length;
  };
  await waitFor(online, { ceilingMs: CEILING_MS, what: 'every agent online' });
  await fleet.caughtUp();
}

/** Each agent in turn, so that all have beaten once in 30 s. */
async function beatSteadily(
  fleet: BenchFleet,
  connection: NatsConnection,
  { hearts, seconds }: { hearts: readonly Heart[]; seconds: number },
): Promise<Omit<GrowthFigure, 'agents' | 'beatsPerSecond'>> {
  const { run } = fleet.stack;
  const registry = run.services.find(({ name }) => name === 'registry');
  const meter = new CpuMeter(() => ({
    registry: [registry?.pid ?? 0],
    broker: [run.nats.pid],
    postgres: [run.postgres.pid],
  }));
  const [sweep, flush] = [await mean(fleet, 'sweep'), await mean(fleet, 'flush')];
  const perTick = hearts.length / EVERY_SECONDS / TICKS_PER_SECOND;
  const began = performance.now();
  let sent = 0;
  for (let tick = 1; tick <= seconds * TICKS_PER_SECOND; tick += 1) {
    const due = Math.round(tick * perTick) - sent;
    await send(connection, hearts, { from: sent, count: due });
    sent += due;
    await delay(Math.max(0, began + (tick * 1_000) / TICKS_PER_SECOND - performance.now()));
  }
  return { sweepMs: await sweep(), flushMs: await flush(), cpu: meter.shares() };
}

async function beatAtFullSpeed(
  fleet: BenchFleet,
  connection: NatsConnection,
  hearts: readonly Heart[],
): Promise<number> {
  const last = hearts[(BEATS - 1) % hearts.length] as Heart;
  const began = performance.now();
  await send(connection, hearts, { from: 0, count: BEATS });
  // One connection and one registry: what came last is written last.
  const isWritten = async (): Promise<boolean> => {
    const rows = await fleet.sql`
      select 1 from registry.agent_last_seen
      where agent_id = ${last.agentId} and counter >= ${last.counter}::bigint`;
    return rows.length === 1;
  };
  await waitFor(isWritten, { ceilingMs: CEILING_MS, what: 'every beat written' });
  return Math.round((BEATS * 1_000) / (performance.now() - began));
}

async function send(
  connection: NatsConnection,
  hearts: readonly Heart[],
  { from, count }: { from: number; count: number },
): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const heart = hearts[(from + n) % hearts.length] as Heart;
    connection.publish(heart.subject, heart.beat());
    // Beside the broker's own buffers nothing may pile up.
    if (n % FLUSH_EVERY === FLUSH_EVERY - 1) await connection.flush();
  }
  await connection.flush();
}

/** Gives a question: the mean of a histogram since now, in milliseconds. */
async function mean(fleet: BenchFleet, what: 'sweep' | 'flush'): Promise<() => Promise<number>> {
  const name = `keyfleet_liveness_${what}_seconds`;
  const look = async () => ({
    sum: await fleet.metric('registry', `${name}_sum`),
    count: await fleet.metric('registry', `${name}_count`),
  });
  const before = await look();
  return async () => {
    const now = await look();
    return Math.round(((now.sum - before.sum) * 10_000) / Math.max(1, now.count - before.count)) / 10;
  };
}
