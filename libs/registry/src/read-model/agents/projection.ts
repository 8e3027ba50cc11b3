import type { RegistryEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Change, Projection, ProjectionContext } from '@keyfleet/read-store';
import { AGENTS, AGENTS_TABLE } from './tables.js';

type Fact = RecordedEvent & RegistryEvent;
type FactOf<Type extends RegistryEvent['type']> = RecordedEvent & Extract<RegistryEvent, { type: Type }>;

/** The inventory: what every agent is by its facts, how far its journal is, and what happened last. */
export const agentsProjection: Projection = {
  name: AGENTS,
  version: 1,
  filter: { categories: ['agent', 'journal', 'liveness'] },
  tables: [AGENTS_TABLE],
  apply: async (events, context) => {
    for (const event of events as readonly Fact[])
      if (event.stream.startsWith('agent-')) await applyFact(event, context);
    await applyNewest(events, context);
    return changesOf(events);
  },
};

async function applyFact(fact: Fact, context: ProjectionContext): Promise<void> {
  const { tx, table } = context;
  const agents = tx(table(AGENTS));
  const { revision } = fact;
  if (fact.type === 'AgentEnrolled') return enrol(fact, context);
  const agentId = agentOf(fact);
  const older = tx`agent_id = ${agentId} and revision < ${revision}`;
  switch (fact.type) {
    case 'AgentLabelled':
      await tx`update ${agents} set revision = ${revision},
        labels = ${JSON.stringify(fact.data.labels)}::text::jsonb where ${older}`;
      return;
    case 'AgentCertificateRenewed':
      await tx`update ${agents} set revision = ${revision}, certificate_expires_at = ${fact.data.expiresAt},
        credentials_end_at = greatest(credentials_end_at, ${fact.data.expiresAt}::timestamptz) where ${older}`;
      return;
    case 'AgentRevoked':
      await tx`update ${agents} set revision = ${revision}, revoked_at = ${fact.metadata.at} where ${older}`;
      return;
    case 'AgentVersionChanged':
      await tx`update ${agents} set revision = ${revision}, version = ${fact.data.to} where ${older}`;
      return;
    case 'AgentEpochStarted':
      return startEpoch(fact, fact.data.epoch, context);
    case 'AgentJournalForked':
      return startEpoch(fact, fact.data.newEpoch, context);
    default:
      await tx`update ${agents} set revision = ${revision} where ${older}`;
  }
}

async function enrol(
  { data, metadata, recordedAt, revision, type }: FactOf<'AgentEnrolled'>,
  { tx, table }: ProjectionContext,
): Promise<void> {
  await tx`
    insert into ${tx(table(AGENTS))} (org_id, agent_id, name, nkey, labels, version, enrolled_at,
      certificate_expires_at, credentials_end_at, last_event_type, last_event_at, last_event_recorded_at, revision)
    values (${metadata.orgId}, ${data.agentId}, ${data.name}, ${data.nkey},
      ${JSON.stringify(data.labels)}::text::jsonb, ${data.version}, ${metadata.at}, ${data.certificateExpiresAt},
      ${data.certificateExpiresAt}, ${type}, ${metadata.at}, ${recordedAt}, ${revision})
    on conflict (agent_id) do nothing`;
}

async function startEpoch(
  fact: RecordedEvent,
  epoch: number,
  { tx, table }: ProjectionContext,
): Promise<void> {
  const agents = tx(table(AGENTS));
  const agentId = agentOf(fact);
  await tx`update ${agents} set revision = ${fact.revision} where agent_id = ${agentId} and revision < ${fact.revision}`;
  await tx`update ${agents} set journal_epoch = ${epoch}, journal_seq = 0
    where agent_id = ${agentId} and journal_epoch < ${epoch}`;
}

/** What a batch says about an agent as a whole. */
interface Newest {
  agent_id: string;
  epoch: number | null;
  seq: number | null;
  type: string | null;
  at: string | null;
  recorded_at: string | null;
}

/** One statement for all agents of a batch: journals come by the ten thousand. */
async function applyNewest(
  events: readonly RecordedEvent[],
  { tx, table }: ProjectionContext,
): Promise<void> {
  const newest = new Map<string, Newest>();
  for (const event of events) {
    const row = newest.get(agentOf(event)) ?? none(agentOf(event));
    newest.set(row.agent_id, row);
    if (event.stream.startsWith('journal-')) {
      row.epoch = Number(event.stream.slice(event.stream.lastIndexOf('.') + 1));
      row.seq = Number(event.revision) + 1;
    }
    // Usage is reported every minute: it would hide what happened.
    if (event.type === 'UsageReported') continue;
    row.type = event.type;
    row.at = event.metadata.at;
    row.recorded_at = event.recordedAt;
  }
  const rows = JSON.stringify([...newest.values()]);
  const agents = tx(table(AGENTS));
  await tx`
    update ${agents} agent set journal_epoch = new.epoch, journal_seq = new.seq
    from jsonb_to_recordset(${rows}::text::jsonb) as new (agent_id text, epoch int, seq bigint)
    where agent.agent_id = new.agent_id
      and (new.epoch > agent.journal_epoch or (new.epoch = agent.journal_epoch and new.seq > agent.journal_seq))`;
  await tx`
    update ${agents} agent set
      last_event_type = new.type, last_event_at = new.at, last_event_recorded_at = new.recorded_at
    from jsonb_to_recordset(${rows}::text::jsonb)
      as new (agent_id text, type text, at timestamptz, recorded_at timestamptz)
    where agent.agent_id = new.agent_id and new.type is not null
      and new.recorded_at >= agent.last_event_recorded_at`;
}

function none(agentId: string): Newest {
  return { agent_id: agentId, epoch: null, seq: null, type: null, at: null, recorded_at: null };
}

/** `agent-<id>`, `liveness-<id>`, `journal-<id>.<epoch>`. */
function agentOf({ stream }: RecordedEvent): string {
  const id = stream.slice(stream.indexOf('-') + 1);
  const dot = id.indexOf('.');
  return dot < 0 ? id : id.slice(0, dot);
}

function changesOf(events: readonly RecordedEvent[]): Change[] {
  const byOrg = new Map<string | null, Set<string>>();
  for (const event of events) {
    const ids = byOrg.get(event.metadata.orgId) ?? new Set<string>();
    byOrg.set(event.metadata.orgId, ids.add(agentOf(event)));
  }
  return [...byOrg].map(([orgId, ids]) => ({ orgId, ids: [...ids] }));
}
