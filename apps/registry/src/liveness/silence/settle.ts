import type { AppendResult, EventStore, StreamAppend } from '@keyfleet/event-store';
import { toTimestamp } from '@keyfleet/kernel';
import { type Sql, transaction } from '@keyfleet/postgres';
import {
  type Due,
  dueFacts,
  type LivenessState,
  livenessStream,
  stateAfter,
} from '@keyfleet/registry/liveness';
import { concurrently } from '../concurrently.js';
import { notifyAgents } from '../notify.js';
import { expectation, type FactMaker, NO_REVISION } from '../store-facts.js';

export interface SettleOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly facts: FactMaker;
  readonly recorded: (type: string, count: number) => void;
  /** Named places in which a crash must do no harm. */
  readonly failpoint: (name: string) => Promise<void>;
}

interface DueAgent extends Due {
  readonly orgId: string;
  readonly revision: bigint;
}

const AT_ONCE = 500;
const REPAIRS = 8;
/** Far more than a fleet needs; what is left then is found by the next sweep. */
const MAX_ROUNDS = 1_000;

/**
 * Records what the rows say and the streams do not: who was found silent, and who came back. The expected revision and
 * the derived ids make each fact one event, however many replicas try and wherever they die; then the row follows the
 * stream. `agentIds` limits it to these. Gives how many facts were recorded.
 */
export async function settleTransitions(
  options: SettleOptions,
  agentIds?: readonly string[],
): Promise<number> {
  let recorded = 0;
  for (let rounds = 0; rounds < MAX_ROUNDS; rounds += 1) {
    const due = await findDue(options.sql, agentIds);
    if (due.length === 0) break;
    const round = await settleSome(due, options);
    recorded += round.recorded;
    if (due.length < AT_ONCE && !round.repaired) break;
  }
  return recorded;
}

async function findDue(sql: Sql, agentIds: readonly string[] | undefined): Promise<readonly DueAgent[]> {
  const rows = await sql<
    {
      agent_id: string;
      org_id: string;
      state: LivenessState;
      revision: bigint;
      known: boolean;
      returned: number | null;
      silent_since: number | null;
      silent_ms: bigint | null;
    }[]
  >`
    select agent_id, org_id, state, revision, known, silent_ms,
      (extract(epoch from returned_at) * 1000)::float8 as returned,
      (extract(epoch from silent_since) * 1000)::float8 as silent_since
    from registry.agent_last_seen
    where (state = 'leaving' or (returned_at is not null and state <> 'revoked'))
      ${agentIds ? sql`and agent_id = any(${agentIds as string[]})` : sql``}
    order by agent_id limit ${AT_ONCE}`;
  return rows.map((row) => ({
    agentId: row.agent_id,
    orgId: row.org_id,
    state: row.state,
    revision: row.revision,
    known: row.known,
    returnedAt: row.returned === null ? null : toTimestamp(row.returned),
    silence:
      row.silent_since === null
        ? null
        : { lastSeenAt: toTimestamp(row.silent_since), coveredMs: Number(row.silent_ms ?? 0n) },
  }));
}

async function settleSome(
  due: readonly DueAgent[],
  options: SettleOptions,
): Promise<{ readonly recorded: number; readonly repaired: boolean }> {
  const appends = due.map((agent) => toAppend(agent, options.facts));
  await options.failpoint('liveness.before-append');
  const results = await options.store.appendBatch(appends);
  await options.failpoint('liveness.after-append');
  const settled = due.flatMap((agent, index) => settledAs(agent, appends[index], results[index]));
  await saveSettled(options.sql, settled);
  const behind = due.filter((_, index) => results[index]?.outcome === 'conflict');
  await concurrently(behind, REPAIRS, (agent) => repair(agent, options));
  const types = settled.flatMap(({ recorded }) => recorded);
  for (const type of types) options.recorded(type, 1);
  return { recorded: types.length, repaired: behind.length > 0 };
}

function settledAs(
  agent: DueAgent,
  append: StreamAppend | undefined,
  result: AppendResult | undefined,
): Settled[] {
  if (!append || result?.outcome !== 'appended') return [];
  const types = append.events.map(({ type }) => type);
  const state = types.at(-1) === 'AgentCameOnline' ? 'online' : 'offline';
  const known = agent.known || state === 'online';
  return [{ agent, state, known, revision: result.revision, recorded: result.idempotent ? [] : types }];
}

function toAppend(agent: DueAgent, facts: FactMaker): StreamAppend {
  const events = dueFacts(agent).map((event, index) => {
    const revision = String(agent.revision + BigInt(index));
    // What the row holds until the fact is recorded, and no other row for this agent ever would.
    const cause = event.type === 'AgentWentOffline' ? event.data.lastSeenAt : event.data.seenAt;
    return facts.make(event, { orgId: agent.orgId, parts: [agent.agentId, revision, cause] });
  });
  return { stream: livenessStream(agent.agentId), expectedRevision: expectation(agent.revision), events };
}

interface Settled {
  readonly agent: DueAgent;
  readonly state: 'new' | 'online' | 'offline';
  readonly revision: bigint;
  readonly known: boolean;
  /** Types of the facts that were not in the store before. */
  readonly recorded: readonly string[];
}

/** Only rows that still stand where the facts were made from; a beat since then that found it offline stays due. */
async function saveSettled(sql: Sql, settled: readonly Settled[]): Promise<void> {
  if (settled.length === 0) return;
  const rows = settled.map(({ agent, state, revision, known }) => ({
    agent_id: agent.agentId,
    before: String(agent.revision),
    after: String(revision),
    state,
    known,
  }));
  await transaction(sql, async (tx) => {
    const changed = await tx<{ agent_id: string; org_id: string }[]>`
      update registry.agent_last_seen row set
        revision = new.after, state = new.state, known = new.known,
        returned_at = case when new.state = 'online' then null else row.returned_at end
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        as new (agent_id text, before bigint, after bigint, state text, known boolean)
      where row.agent_id = new.agent_id and row.revision = new.before and row.state <> 'revoked'
      returning row.agent_id, row.org_id`;
    await notifyAgents(tx, changed);
  });
}

/** The row fell behind its stream, or was lost, or the store was restored: the stream says where the agent stands. */
async function repair(agent: DueAgent, { sql, store }: SettleOptions): Promise<void> {
  const [last, before] = await store.readStream(livenessStream(agent.agentId), {
    direction: 'backwards',
    limit: 2,
  });
  const { state, known } = stateAfter([before, last].filter((event) => event !== undefined));
  const revision = last?.revision ?? NO_REVISION;
  // Found silent and not recorded yet: that stays due, unless it is what the stream says already.
  const keepsDue = agent.state === 'leaving' && state !== 'offline';
  await sql`
    update registry.agent_last_seen set revision = ${revision}, known = ${known},
      state = ${keepsDue ? 'leaving' : state},
      returned_at = case when ${state === 'online' && !keepsDue} then null else returned_at end
    where agent_id = ${agent.agentId} and revision = ${agent.revision} and state = ${agent.state}`;
}
