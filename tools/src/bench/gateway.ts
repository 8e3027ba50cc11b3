import { setTimeout as delay } from 'node:timers/promises';
import { Cursors } from '@keyfleet/read-store';
import { getAgent, listAgents } from '@keyfleet/registry/read-model';
import { Client } from '../e2e/client.js';
import { bareQuery, startBareServer } from './bare.js';
import { at, type Bench, type BenchRun, type Figure } from './bench.js';
import { type BenchAgent, BenchFleet } from './fleet.js';
import { type LoadOptions, load } from './load.js';
import { inTurns } from './rounds.js';
import { startSteadyIngest } from './steady-ingest.js';

const SECONDS = 4;
const ROUNDS = 4;
const PAGE = 50;
const STEADY = { perSecond: 1_000, seconds: 20 };
/** A quarter of what ingest takes, as last measured; its own bench says what that is now. */
const QUARTER_OF_INGEST = 14_000;

type Kind = 'gateway-read' | 'gateway-list' | 'graphql';

/** One read of the gateway, signed in, rights checked, row security on, beside the same query without any of it. */
export function gatewayBench(name: Kind, about: string): Bench {
  return { name, about, sizes: [1_000, 10_000], run: (run) => measure(name, run) };
}

async function measure(name: Kind, { directory, sizes, say }: BenchRun): Promise<Figure[]> {
  const fleet = await BenchFleet.start(directory);
  try {
    const client = await Client.signIn(fleet.stack);
    const agents: BenchAgent[] = [];
    const figures: Figure[] = [];
    for (const size of sizes) {
      say(`${size} agents`);
      agents.push(...(await fleet.enrol(size - agents.length)));
      await fleet.caughtUp();
      // Without it the planner knows the table only as it was.
      await fleet.sql`analyze`;
      figures.push(await beside(name, size, { fleet, client, agents, directory }));
    }
    if (name === 'gateway-read') figures.push(await p95(fleet, client, agents, say));
    return figures;
  } finally {
    await fleet.stop();
  }
}

interface Parts {
  readonly fleet: BenchFleet;
  readonly client: Client;
  readonly agents: readonly BenchAgent[];
  readonly directory: string;
}

async function beside(name: Kind, size: number, parts: Parts): Promise<Figure> {
  const { fleet, agents, directory, client } = parts;
  const agentId = agents[size >> 1]?.agentId ?? '';
  const { orgId } = fleet;
  const scope = { orgId, limit: PAGE, cursors: new Cursors('x'.repeat(32)) };
  const query = await bareQuery((sql) =>
    name === 'gateway-read' ? getAgent({ sql, orgId }, agentId) : listAgents({ ...scope, sql }),
  );
  const bare = await startBareServer(directory, {
    databaseUrl: fleet.stack.run.postgres.url,
    queries: { '/read': query },
  });
  try {
    const subject = requestOf(name, client, orgId, agentId);
    const { figure, anchorFigure } = await inTurns(
      ROUNDS,
      async () => (await load({ ...subject, seconds: SECONDS })).perSecond,
      async () => (await load({ url: `${bare.url}/read`, seconds: SECONDS })).perSecond,
    );
    const anchor = { name: 'bare Fastify + postgres.js', figure: anchorFigure };
    return { name: at(name, size), figure, unit: 'requests/s', anchor };
  } finally {
    await bare.process.kill();
  }
}

function requestOf(name: Kind, client: Client, orgId: string, agentId: string): Omit<LoadOptions, 'seconds'> {
  const headers = { cookie: client.cookie };
  const agents = `${client.url}/api/v1/orgs/${orgId}/agents`;
  if (name === 'gateway-read') return { url: `${agents}/${agentId}`, headers };
  if (name === 'gateway-list') return { url: `${agents}?limit=${PAGE}`, headers };
  const fields = `id name state version labels lastSeenAt enrolledAt certificateExpiresAt journal { epoch seq }
    policy { version hash } secrets storage seal lastEvent { type at }`;
  const query = `query Agents($org: String!) {
    org(slug: $org) { agents(first: ${PAGE}) { edges { node { ${fields} } } pageInfo { hasNextPage endCursor } } }
  }`;
  const body = JSON.stringify({ query, variables: { org: orgId } });
  return {
    url: `${client.url}/api/graphql`,
    method: 'POST',
    body,
    headers: { ...headers, origin: client.url },
  };
}

/** Latency at a steady rate while agents upload. */
async function p95(
  fleet: BenchFleet,
  client: Client,
  agents: readonly BenchAgent[],
  say: (line: string) => void,
): Promise<Figure> {
  say(`${STEADY.perSecond} requests/s beside ${QUARTER_OF_INGEST} ingested events/s`);
  const ingest = await startSteadyIngest(fleet, agents.slice(0, 20), QUARTER_OF_INGEST);
  await delay(2_000);
  const subject = requestOf('gateway-read', client, fleet.orgId, agents[7]?.agentId ?? '');
  const result = await load({ ...subject, ...STEADY });
  const ingested = await ingest.stop();
  return {
    name: 'gateway-p95',
    figure: result.p95,
    unit: 'ms',
    note: `at ${Math.round(result.perSecond)} requests/s beside ${Math.round(ingested)} ingested events/s`,
  };
}
