import type { RecordedEvent } from '@keyfleet/event-store';
import type { Change, Projection, ProjectionContext } from '@keyfleet/read-store';
import { type AgentFact, foldRow } from './fold.js';
import { AGENTS, AGENTS_TABLE, type AgentsTable } from './tables.js';

/** The inventory: what every agent is by its facts, how far its journal is, and what happened last. */
export const agentsProjection: Projection = {
  name: AGENTS,
  version: 1,
  filter: { categories: ['agent', 'journal', 'liveness'] },
  // How far a journal is and what happened last say its newest events; they come by the ten thousand.
  newestOf: ['journal'],
  tables: [AGENTS_TABLE],
  apply: async (events, context) => {
    await applyFacts(events as readonly AgentFact[], context);
    await applyNewest(events, context);
    return changesOf(events);
  },
};

/** Reads the rows of a batch's agents, folds, and writes them back: two statements for however many facts. */
async function applyFacts(events: readonly AgentFact[], { tx, table }: ProjectionContext): Promise<void> {
  const facts = events.filter(({ stream }) => stream.startsWith('agent-'));
  if (facts.length === 0) return;
  const ids = [...new Set(facts.map(agentOf))];
  const known = await tx<AgentsTable[]>`
    select * from ${tx(table(AGENTS))} where agent_id = any(${ids}::text[])`;
  const rows = new Map(known.map((row) => [row.agent_id, row]));
  for (const fact of facts) {
    const row = foldRow(rows.get(agentOf(fact)), fact);
    if (row) rows.set(row.agent_id, row);
  }
  await save([...rows.values()], { tx, table });
}

async function save(rows: readonly AgentsTable[], { tx, table }: ProjectionContext): Promise<void> {
  const text = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  await tx`
    insert into ${tx(table(AGENTS))} as agent
    select new.* from jsonb_populate_recordset(null::${tx(table(AGENTS))}, ${text}::text::jsonb) as new
    on conflict (agent_id) do update set
      labels = excluded.labels, version = excluded.version,
      certificate_expires_at = excluded.certificate_expires_at, credentials_end_at = excluded.credentials_end_at,
      revoked_at = excluded.revoked_at, journal_epoch = excluded.journal_epoch, journal_seq = excluded.journal_seq,
      revision = excluded.revision
    where agent.revision < excluded.revision`;
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
