import { type Sql, transaction } from '@keyfleet/postgres';
import type { Coverage } from '@keyfleet/registry/liveness';
import { concurrently } from '../concurrently.js';
import type { BeatResult } from '../metrics.js';
import type { Beat } from './beat.js';
import type { EnrolledAgents } from './enrolled.js';
import { foldBeats } from './fold.js';
import { addAgents, type ExaminedAgent, lockAgents, saveAgents } from './rows.js';

export interface ExamineOptions {
  readonly sql: Sql;
  readonly enrolled: EnrolledAgents;
  readonly coverage: Coverage;
  readonly count: (result: BeatResult, count: number) => void;
}

const AT_ONCE = 2_000;
const LOOKUPS = 16;

/**
 * Takes beats about which something is new: the first, after a restart, of another version, of an agent that was
 * offline, overtaken or doubled. Gives the ids of agents whose streams now lack a fact.
 */
export async function examineBeats(
  groups: readonly (readonly Beat[])[],
  options: ExamineOptions,
): Promise<readonly string[]> {
  const due: string[] = [];
  for (let from = 0; from < groups.length; from += AT_ONCE)
    due.push(...(await examineSome(groups.slice(from, from + AT_ONCE), options)));
  return due;
}

async function examineSome(
  groups: readonly (readonly Beat[])[],
  options: ExamineOptions,
): Promise<readonly string[]> {
  const byAgent = new Map(groups.flatMap((beats) => (beats[0] ? [[beats[0].agentId, beats]] : [])));
  const newcomers = await admitNewcomers(byAgent, options);
  return transaction(options.sql, async (tx) => {
    await addAgents(tx, newcomers);
    const rows = await lockAgents(tx, [...byAgent.keys()]);
    const examined: ExaminedAgent[] = [];
    for (const row of rows.values()) {
      const beats = byAgent.get(row.agentId)?.filter(({ orgId }) => orgId === row.orgId) ?? [];
      if (row.state === 'revoked') options.count('revoked', beats.length);
      else examined.push(countTaken(foldBeats(row, beats, options.coverage), beats, options));
    }
    await saveAgents(tx, examined);
    return examined.filter(lacksFact).map(({ agentId }) => agentId);
  });
}

function countTaken(agent: ExaminedAgent, beats: readonly Beat[], { count }: ExamineOptions): ExaminedAgent {
  count(agent.beat ? 'taken' : 'stale', beats.length);
  return agent;
}

function lacksFact({ returnedAt, suspects, version, reportedVersion }: ExaminedAgent): boolean {
  return returnedAt !== null || suspects !== null || version !== reportedVersion;
}

interface Newcomer {
  readonly agentId: string;
  readonly orgId: string;
  readonly version: string;
}

/** Agents without a row that were enrolled in the organisation they speak for. */
async function admitNewcomers(
  byAgent: ReadonlyMap<string, readonly Beat[]>,
  { sql, enrolled, count }: ExamineOptions,
): Promise<readonly Newcomer[]> {
  const known = await sql<{ agent_id: string }[]>`
    select agent_id from registry.agent_last_seen where agent_id = any(${[...byAgent.keys()]})`;
  const rows = new Set(known.map(({ agent_id }) => agent_id));
  const newcomers: Newcomer[] = [];
  await concurrently(
    [...byAgent].filter(([agentId]) => !rows.has(agentId)),
    LOOKUPS,
    async ([agentId, beats]) => {
      // While the store is away nobody can be asked; the agent's next beat comes in half a minute.
      const agent = await enrolled.find(agentId).catch(() => undefined);
      if (agent === undefined) count('unverified', beats.length);
      else if (agent === null || agent.orgId !== beats[0]?.orgId) count('unknown-agent', beats.length);
      else if (agent.revoked) count('revoked', beats.length);
      else newcomers.push({ agentId, ...agent });
    },
  );
  return newcomers;
}
