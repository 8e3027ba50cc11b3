import type { EventStore } from '@keyfleet/event-store';
import { type DomainEvent, fold } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import { type AgentCommand, type AgentEvent, agent, agentStream } from '@keyfleet/registry/domain';
import { concurrently } from '../concurrently.js';
import { expectation, type FactMaker, NO_REVISION } from '../store-facts.js';

export interface AgentFactsOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly facts: FactMaker;
  readonly recorded: (type: string, count: number) => void;
}

interface Reported {
  agent_id: string;
  org_id: string;
  version: string | null;
  reported_version: string | null;
  suspects: string[] | null;
}

const AT_ONCE = 500;
const LANES = 8;
const TRIES = 5;

/** Records on the agents' own streams what beats showed: another version, or two processes under one identity. */
export async function settleAgentFacts(
  options: AgentFactsOptions,
  agentIds?: readonly string[],
): Promise<void> {
  const { sql } = options;
  const rows = await sql<Reported[]>`
    select agent_id, org_id, version, reported_version, suspects from registry.agent_last_seen
    where (suspects is not null or version <> reported_version) and state <> 'revoked'
      ${agentIds ? sql`and agent_id = any(${agentIds as string[]})` : sql``}
    order by agent_id limit ${AT_ONCE}`;
  await concurrently(rows, LANES, (row) => settleAgent(row, options));
}

async function settleAgent(row: Reported, options: AgentFactsOptions): Promise<void> {
  const { sql } = options;
  if (row.suspects) {
    await record(row, { type: 'SuspectClone', bootIds: row.suspects }, options);
    await sql`
      update registry.agent_last_seen set suspects = null
      where agent_id = ${row.agent_id} and suspects = ${row.suspects}`;
  }
  if (row.version !== null && row.version !== row.reported_version) {
    await record(row, { type: 'ReportVersion', version: row.version }, options);
    await sql`
      update registry.agent_last_seen set reported_version = ${row.version}
      where agent_id = ${row.agent_id}`;
  }
}

/** Decided on what the agent's stream says; somebody else's change in between means deciding again. */
async function record(row: Reported, command: AgentCommand, options: AgentFactsOptions): Promise<void> {
  const stream = agentStream(row.agent_id);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const events = await options.store.readStream(stream);
    const revision = events.at(-1)?.revision ?? NO_REVISION;
    const decided = agent.decide(command, fold(agent, events as unknown as readonly AgentEvent[]));
    if (decided.length === 0) return;
    // What replicas make of the same beats at the same revision is one event; of other beats it is another.
    const made = decided.map((event: DomainEvent) => {
      const parts = [row.agent_id, String(revision), JSON.stringify(event.data)];
      return options.facts.make(event, { orgId: row.org_id, parts });
    });
    const result = await options.store.append(stream, expectation(revision), made);
    if (result.outcome === 'conflict') continue;
    for (const { type } of made) options.recorded(type, 1);
    return;
  }
}
