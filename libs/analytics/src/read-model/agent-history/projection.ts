import type { RegistryEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Projection, ProjectionContext } from '@keyfleet/read-store';
import { AGENT_HISTORY, AGENT_HISTORY_TABLE, type AgentHistoryTable } from './table.js';

type Fact = RecordedEvent & RegistryEvent;
type Changed = Partial<
  Pick<AgentHistoryTable, 'labels' | 'version' | 'state' | 'certificate_expires_at' | 'epoch'>
>;

/** The past of every agent, in half-open ranges by the time of recording. */
export const agentHistoryProjection: Projection = {
  name: 'analytics.agent-history',
  version: 1,
  filter: { categories: ['agent', 'liveness'] },
  tables: [AGENT_HISTORY_TABLE],
  apply: async (events, context) => {
    for (const event of events as readonly Fact[]) await applyFact(event, context);
    return [];
  },
};

async function applyFact(fact: Fact, context: ProjectionContext): Promise<void> {
  if (fact.type === 'AgentEnrolled') return begin(fact, context);
  const changed = changeOf(fact);
  if (changed && 'agentId' in fact.data && typeof fact.data.agentId === 'string')
    await go(fact, fact.data.agentId, changed, context);
}

function changeOf(fact: Fact): Changed | null {
  switch (fact.type) {
    case 'AgentLabelled':
      return { labels: fact.data.labels };
    case 'AgentCertificateRenewed':
      return { certificate_expires_at: fact.data.expiresAt };
    case 'AgentVersionChanged':
      return { version: fact.data.to };
    case 'AgentRevoked':
      return { state: 'revoked' };
    case 'AgentWentOffline':
      return { state: 'offline' };
    case 'AgentCameOnline':
      return { state: 'online' };
    case 'AgentEpochStarted':
      return { epoch: fact.data.epoch };
    case 'AgentJournalForked':
      return { epoch: fact.data.newEpoch };
    default:
      return null;
  }
}

async function begin(
  fact: Extract<Fact, { type: 'AgentEnrolled' }>,
  { tx, table }: ProjectionContext,
): Promise<void> {
  const { data, metadata, recordedAt, position } = fact;
  await tx`
    insert into ${tx(table(AGENT_HISTORY))} (org_id, agent_id, valid_from, name, labels, version, state, enrolled_at, certificate_expires_at, position)
    select ${metadata.orgId}, ${data.agentId}, ${recordedAt}, ${data.name}, ${JSON.stringify(data.labels)}::text::jsonb,
      ${data.version}, 'unknown', ${metadata.at}, ${data.certificateExpiresAt}, ${position}::text::bigint
    where not exists (select 1 from ${tx(table(AGENT_HISTORY))} where agent_id = ${data.agentId})
    on conflict do nothing`;
}

/** Ends the open range and begins the next; two facts recorded at one moment share the later range. Once revoked, for good. */
async function go(
  fact: Fact,
  agentId: string,
  changed: Changed,
  { tx, table }: ProjectionContext,
): Promise<void> {
  const history = tx(table(AGENT_HISTORY));
  const { recordedAt, position } = fact;
  const [open] = await tx<AgentHistoryTable[]>`
    select * from ${history} where agent_id = ${agentId} and valid_to is null and position < ${position}::text::bigint for update`;
  if (!open) return;
  const state = open.state === 'revoked' ? 'revoked' : (changed.state ?? open.state);
  const next = { ...open, ...changed, state };
  if (open.valid_from === recordedAt) {
    await tx`delete from ${history} where agent_id = ${agentId} and valid_to is null`;
  } else {
    await tx`update ${history} set valid_to = ${recordedAt} where agent_id = ${agentId} and valid_to is null`;
  }
  await tx`
    insert into ${history} (org_id, agent_id, valid_from, name, labels, version, state, enrolled_at, certificate_expires_at, epoch, position)
    values (${next.org_id}, ${agentId}, ${recordedAt}, ${next.name}, ${JSON.stringify(next.labels)}::text::jsonb, ${next.version},
      ${next.state}, ${next.enrolled_at}, ${next.certificate_expires_at}, ${next.epoch}, ${position}::text::bigint)`;
}
