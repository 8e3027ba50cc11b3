import type { Executor } from '@keyfleet/postgres';
import { type Boot, type Boots, type LivenessState, NO_BOOTS } from '@keyfleet/registry/liveness';
import type { Beat } from './beat.js';

/** What the last-seen table knows of an agent, as far as its beats change it. Times are milliseconds. */
export interface SeenAgent {
  readonly agentId: string;
  readonly orgId: string;
  readonly state: LivenessState;
  readonly boots: Boots;
  /** Version of the last beat, and the one its stream has. */
  readonly version: string | null;
  readonly reportedVersion: string | null;
  readonly returnedAt: number | null;
  /** Alternating boots that its stream does not know of yet. */
  readonly suspects: readonly string[] | null;
}

interface Row {
  agent_id: string;
  org_id: string;
  state: LivenessState;
  boot_id: string | null;
  counter: bigint | null;
  booted_ms: number | null;
  seen_ms: number | null;
  boots_before: Omit<Boots, 'current'> | null;
  version: string | null;
  reported_version: string | null;
  returned_ms: number | null;
  suspects: string[] | null;
}

/** Locks the rows in one order everywhere, so that two replicas never wait for each other in a circle. */
export async function lockAgents(tx: Executor, agentIds: readonly string[]): Promise<Map<string, SeenAgent>> {
  const rows = await tx<Row[]>`
    select agent_id, org_id, state, boot_id, counter, boots_before, version, reported_version, suspects,
      (extract(epoch from booted_at) * 1000)::float8 as booted_ms,
      (extract(epoch from seen_at) * 1000)::float8 as seen_ms,
      (extract(epoch from returned_at) * 1000)::float8 as returned_ms
    from registry.agent_last_seen where agent_id = any(${agentIds as string[]}) order by agent_id for update`;
  return new Map(rows.map((row) => [row.agent_id, toAgent(row)]));
}

function toAgent(row: Row): SeenAgent {
  return {
    agentId: row.agent_id,
    orgId: row.org_id,
    state: row.state,
    boots: currentBoots(row),
    version: row.version,
    reportedVersion: row.reported_version,
    returnedAt: row.returned_ms,
    suspects: row.suspects,
  };
}

/** Most agents have had one boot for long: what was before it stands apart, and only where there is something. */
function currentBoots({ boots_before, boot_id, counter, booted_ms, seen_ms }: Row): Boots {
  const before = boots_before ?? NO_BOOTS;
  if (boot_id === null || counter === null) return { ...before, current: null };
  const lastSeenAt = seen_ms ?? 0;
  const current = { id: boot_id, counter: Number(counter), firstSeenAt: booted_ms ?? lastSeenAt, lastSeenAt };
  return { ...before, current };
}

function bootsBefore({ current: _, ...before }: Boots): Omit<Boots, 'current'> | null {
  return before.others.length === 0 ? null : before;
}

/** An agent after its beats; `beat` is the last one that counted, if any did. */
export interface ExaminedAgent extends SeenAgent {
  readonly beat: Beat | null;
  readonly coveredMsAtSeen: number | null;
}

export async function saveAgents(tx: Executor, agents: readonly ExaminedAgent[]): Promise<void> {
  if (agents.length === 0) return;
  const rows = JSON.stringify(agents.map(toColumns));
  await tx`
    update registry.agent_last_seen row set
      boot_id = new.boot_id, counter = new.counter, booted_at = to_timestamp(new.booted_ms / 1000),
      boots_before = new.boots_before, version = new.version,
      returned_at = to_timestamp(new.returned_ms / 1000), suspects = new.suspects
    from jsonb_to_recordset(${rows}::text::jsonb) as new (
      agent_id text, boot_id uuid, counter bigint, booted_ms float8, boots_before jsonb, version text,
      returned_ms float8, suspects text[]
    )
    where row.agent_id = new.agent_id`;
  await tx`
    update registry.agent_last_seen row set
      seen_at = to_timestamp(new.seen_ms / 1000), covered_ms_at_seen = new.covered_ms,
      journal_epoch = new.journal_epoch, journal_seq = new.journal_seq,
      journal_acknowledged = new.journal_acknowledged, policy_version = new.policy_version,
      policy_hash = new.policy_hash, secrets = new.secrets, storage = new.storage, seal = new.seal
    from jsonb_to_recordset(${rows}::text::jsonb) as new (
      agent_id text, seen_ms float8, covered_ms bigint, journal_epoch bigint, journal_seq bigint,
      journal_acknowledged bigint, policy_version bigint, policy_hash text, secrets bigint, storage text, seal text
    )
    where row.agent_id = new.agent_id and new.seen_ms is not null`;
}

function toColumns(agent: ExaminedAgent): Record<string, unknown> {
  return {
    agent_id: agent.agentId,
    version: agent.version,
    returned_ms: agent.returnedAt,
    suspects: agent.suspects,
    covered_ms: agent.coveredMsAtSeen,
    boots_before: bootsBefore(agent.boots),
    ...(agent.boots.current && currentColumns(agent.boots.current)),
    ...(agent.beat && beatColumns(agent.beat)),
  };
}

function currentColumns({ id, counter, firstSeenAt }: Boot): Record<string, unknown> {
  return { boot_id: id, counter, booted_ms: firstSeenAt };
}

function beatColumns(beat: Beat): Record<string, unknown> {
  return {
    seen_ms: beat.receivedAt,
    journal_epoch: beat.epoch,
    journal_seq: beat.seq,
    journal_acknowledged: beat.acknowledged,
    policy_version: beat.policyVersion,
    policy_hash: beat.policyHash,
    secrets: beat.secrets,
    storage: beat.storage,
    seal: beat.seal,
  };
}

/** Rows for agents that have none yet; one that is there already stays. */
export async function addAgents(
  tx: Executor,
  agents: readonly { readonly agentId: string; readonly orgId: string; readonly version: string }[],
): Promise<void> {
  if (agents.length === 0) return;
  const rows = agents.map(({ agentId, orgId, version }) => ({ agent_id: agentId, org_id: orgId, version }));
  await tx`
    insert into registry.agent_last_seen (agent_id, org_id, state, version, reported_version)
    select agent_id, org_id, 'new', version, version
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as new (agent_id text, org_id text, version text)
    on conflict (agent_id) do nothing`;
}
