import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { agentSubject } from '@keyfleet/contracts/messages';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { at, type Bench, type Figure } from './bench.js';
import { type BenchAgent, BenchFleet } from './fleet.js';
import { inTurns } from './rounds.js';

/** Of one turn. */
const BEATS = 150_000;
const ROUNDS = 4;
const PUBLISHERS = 2;
/** Beside the broker's own buffers nothing may pile up: so many beats, then a word with the broker. */
const FLUSH_EVERY = 1_000;
const STEADY_SECONDS = 15;
const EVERY_SECONDS = 30;
const LINUX_TICKS = 100;

/** Beats as fast as one registry writes them through to last-seen, beside messages that only a subscriber counts. */
export const heartbeat: Bench = {
  name: 'heartbeat',
  about: 'beats written through to last-seen by one registry, beside raw NATS publish and subscribe',
  sizes: [1_000, 10_000, 100_000],
  run: async ({ directory, sizes, say }) => {
    const fleet = await BenchFleet.start(directory);
    const connections = await Promise.all(
      Array.from({ length: PUBLISHERS }, () => fleet.broker.connectWitness()),
    );
    try {
      const agents: BenchAgent[] = [];
      const figures: Figure[] = [];
      for (const size of sizes) {
        agents.push(...(await fleet.enrol(size - agents.length)));
        await fleet.caughtUp();
        say(`${size} agents`);
        const beats = new Beats(agents.slice(0, size));
        say('a first beat of each');
        await through(fleet, connections, beats, size);
        const { figure, anchorFigure } = await inTurns(
          ROUNDS,
          () => through(fleet, connections, beats),
          () => raw(fleet, connections, beats),
        );
        const unit = 'beats/s';
        const anchor = { name: 'raw NATS', figure: anchorFigure };
        figures.push({ name: at('heartbeat', size), figure, unit, anchor });
        const cpu = await steady(fleet, connections, beats, size / EVERY_SECONDS);
        figures.push({
          name: at('heartbeat-cpu', size),
          figure: cpu,
          unit: 'cores',
          note: `of the registry, while each of ${size} agents beats every ${EVERY_SECONDS} s, over ${STEADY_SECONDS} s`,
        });
      }
      return figures;
    } finally {
      for (const connection of connections) await connection.close();
      await fleet.stop();
    }
  },
};

interface Beat {
  readonly agentId: string;
  readonly counter: number;
  readonly subject: string;
  readonly payload: string;
}

interface Prepared {
  readonly agentId: string;
  readonly subject: string;
  readonly before: string;
  readonly after: string;
}

/** The next beat of each agent in turn; all but the counter is written once. */
class Beats {
  readonly #made: readonly Prepared[];
  #round = 1;
  #next = 0;

  constructor(agents: readonly BenchAgent[]) {
    const at = new Date().toISOString();
    const bootId = randomUUID();
    this.#made = agents.map((agent) => {
      const rest = {
        at,
        agentVersion: '1.0.0',
        journal: { epoch: 1, seq: 0, acknowledged: 0 },
        policy: null,
        secrets: 12,
        storage: 'ok',
        seal: 'unsealed',
        latency: [5, 3, 1, 0, 0, 0, 0, 0, 0, 0],
      };
      return {
        agentId: agent.agentId,
        subject: agentSubject(agent, 'hb'),
        before: `{"v":1,"agentId":"${agent.agentId}","bootId":"${bootId}","counter":`,
        after: `,${JSON.stringify(rest).slice(1)}`,
      };
    });
  }

  next(): Beat {
    const beat = this.#made[this.#next] as Prepared;
    const counter = this.#round;
    const payload = `${beat.before}${counter}${beat.after}`;
    this.#next += 1;
    if (this.#next === this.#made.length) {
      this.#next = 0;
      this.#round += 1;
    }
    return { agentId: beat.agentId, counter, subject: beat.subject, payload };
  }
}

/** Until the newest beat of every publisher stands in the database. */
async function through(
  fleet: BenchFleet,
  connections: readonly NatsConnection[],
  beats: Beats,
  count = BEATS,
): Promise<number> {
  const started = performance.now();
  const newest = await publish(connections, beats, count);
  await waitFor(() => areWritten(fleet, newest), { ceilingMs: 180_000, what: 'every beat written' });
  return (count * 1_000) / (performance.now() - started);
}

async function areWritten({ sql }: BenchFleet, newest: ReadonlyMap<string, number>): Promise<boolean> {
  const rows = await sql<{ agent_id: string; counter: string | null }[]>`
    select agent_id, counter from registry.agent_last_seen where agent_id = any(${[...newest.keys()]})`;
  const counters = new Map(rows.map(({ agent_id, counter }) => [agent_id, Number(counter)]));
  return [...newest].every(([agentId, counter]) => (counters.get(agentId) ?? 0) >= counter);
}

/** The same bytes on a subject nobody but a counting subscriber listens to. */
async function raw(fleet: BenchFleet, connections: readonly NatsConnection[], beats: Beats): Promise<number> {
  const receiver = await fleet.broker.connectWitness();
  let received = 0;
  receiver.subscribe('bench.raw', {
    callback: () => {
      received += 1;
    },
  });
  await receiver.flush();
  const started = performance.now();
  await publish(connections, beats, BEATS, 'bench.raw');
  await waitFor(() => received >= BEATS, { ceilingMs: 60_000 });
  const speed = (BEATS * 1_000) / (performance.now() - started);
  await receiver.close();
  return speed;
}

/** Answers the last beat each connection sent. */
async function publish(
  connections: readonly NatsConnection[],
  beats: Beats,
  count: number,
  instead?: string,
): Promise<ReadonlyMap<string, number>> {
  let left = count;
  const newest = new Map<string, number>();
  const by = async (connection: NatsConnection): Promise<void> => {
    let last: Beat | undefined;
    while (left > 0) {
      const share = Math.min(FLUSH_EVERY, left);
      left -= share;
      for (let n = 0; n < share; n += 1) {
        last = beats.next();
        connection.publish(instead ?? last.subject, last.payload);
      }
      await connection.flush();
    }
    if (last) newest.set(last.agentId, last.counter);
  };
  await Promise.all(connections.map(by));
  return newest;
}

/** CPU of the registry while beats come at the fleet's own pace. */
async function steady(
  fleet: BenchFleet,
  connections: readonly NatsConnection[],
  beats: Beats,
  perSecond: number,
): Promise<number> {
  const { pid = 0 } = fleet.stack.run.services.find(({ name }) => name === 'registry') ?? {};
  const before = cpuSeconds(pid);
  const started = performance.now();
  for (let tick = 0; tick < STEADY_SECONDS * 10; tick += 1) {
    await publish(connections, beats, Math.round(perSecond / 10));
    await delay(Math.max(0, started + (tick + 1) * 100 - performance.now()));
  }
  return ((cpuSeconds(pid) - before) * 1_000) / (performance.now() - started);
}

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / LINUX_TICKS;
}
