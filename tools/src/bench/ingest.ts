import { setTimeout as delay } from 'node:timers/promises';
import { at, type Bench, type BenchRun, type Figure } from './bench.js';
import { CopyAnchor } from './copy.js';
import { type BenchAgent, BenchFleet } from './fleet.js';
import { inTurns, quantile } from './rounds.js';
import { BATCH, type Sender, send, startSteadyIngest } from './steady-ingest.js';
import { fill } from './workload.js';

const AGENTS = 40;
/** Of one turn. */
const EVENTS = 60_000;
const ROUNDS = 5;
/** Services whose projections are left out of the first figure; the registry's own go on. */
const ASIDE = ['analytics', 'policy', 'notify'];
const LAG_SECONDS = 20;

/** From an agent's batch to the watermark it is answered, by way of the broker; one batch in flight per agent. */
export const ingest: Bench = {
  name: 'ingest',
  about: 'agent batch -> NATS -> validate -> store -> watermark, beside raw COPY of the same rows',
  sizes: [100_000, 1_000_000],
  run: async (run) => {
    const fleet = await BenchFleet.start(run.directory);
    try {
      const agents = await Promise.all((await fleet.enrol(AGENTS)).map((agent) => connected(fleet, agent)));
      const figures: Figure[] = [];
      let filled = 0;
      for (const size of run.sizes) {
        run.say(`${size} events beforehand, and every projection up to them`);
        await fill(fleet.store, size - filled, fleet.orgId);
        filled = size;
        await fleet.caughtUp();
        figures.push(...(await atSize({ ...run, fleet, agents, size })));
      }
      for (const { connection } of agents) await connection.close();
      return figures;
    } finally {
      await fleet.stop();
    }
  },
};

async function connected(fleet: BenchFleet, agent: BenchAgent): Promise<Sender> {
  return { agent, connection: await fleet.connect(agent) };
}

interface Sized extends BenchRun {
  readonly fleet: BenchFleet;
  readonly agents: readonly Sender[];
  readonly size: number;
}

async function atSize({ fleet, agents, size, say }: Sized): Promise<Figure[]> {
  const anchor = new CopyAnchor(fleet.stack.run.postgres.url);
  await anchor.prepare();
  say(`${ROUNDS} turns of ${EVENTS} events beside COPY`);
  const { figure, anchorFigure } = await inTurns(
    ROUNDS,
    async () => {
      fleet.signal(ASIDE, 'SIGSTOP');
      const speed = await sendAll(agents);
      fleet.signal(ASIDE, 'SIGCONT');
      await fleet.caughtUp();
      return speed;
    },
    async () => anchor.copy(await anchor.rows(EVENTS), EVENTS),
  );
  await anchor.close();
  const perSecond = figure / 2;
  say(`${LAG_SECONDS} s at ${Math.round(perSecond)} events/s with every projection on`);
  const lag = await lagAt(fleet, agents, perSecond);
  return [
    { name: at('ingest', size), figure, unit: 'events/s', anchor: { name: 'COPY', figure: anchorFigure } },
    {
      name: at('ingest-lag-p99', size),
      figure: quantile(lag, 0.99),
      unit: 's',
      note: `age of the oldest event that a projection has not seen, at ${Math.round(perSecond)} events/s`,
    },
  ];
}

/** Everything is chained and signed before the clock starts: that is the agents' work, on machines of their own. */
async function sendAll(agents: readonly Sender[]): Promise<number> {
  const batches = EVENTS / BATCH / agents.length;
  const ready = agents.map(({ agent, connection }) => ({
    agent,
    connection,
    bytes: Array.from({ length: batches }, () => agent.batch(BATCH)),
  }));
  const started = performance.now();
  await Promise.all(
    ready.map(async ({ bytes, ...sender }) => {
      for (const batch of bytes) await send(sender, batch);
    }),
  );
  return (EVENTS * 1_000) / (performance.now() - started);
}

/** Sends at a steady rate and looks four times a second how far behind the slowest projection is. */
async function lagAt(fleet: BenchFleet, agents: readonly Sender[], perSecond: number): Promise<number[]> {
  const load = await startSteadyIngest(
    fleet,
    agents.map(({ agent }) => agent),
    perSecond,
  );
  const until = performance.now() + LAG_SECONDS * 1_000;
  const lags: number[] = [];
  while (performance.now() < until) {
    const behind = await fleet.behind();
    lags.push(Math.max(...behind.map(({ seconds }) => seconds)));
    await delay(250);
  }
  await load.stop();
  return lags;
}
