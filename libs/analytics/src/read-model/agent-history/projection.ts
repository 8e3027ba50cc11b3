import type { RegistryEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Projection, ProjectionContext } from '@keyfleet/read-store';
import { AGENT_HISTORY, AGENT_HISTORY_TABLE, type AgentHistoryTable } from './table.js';

type Fact = RecordedEvent & RegistryEvent;
type Changed = Partial<
  Pick<AgentHistoryTable, 'labels' | 'version' | 'certificate_expires_at' | 'epoch' | 'revoked' | 'liveness'>
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
  if (fact.type === 'AgentEnrolled') await begin(fact, context);
  else await change(fact, changeOf(fact), context);
}

/** Every fact of these streams moves the revision, also one that changes nothing shown here. */
function changeOf(fact: Fact): Changed {
  switch (fact.type) {
    case 'AgentLabelled':
      return { labels: fact.data.labels };
    case 'AgentCertificateRenewed':
      return { certificate_expires_at: fact.data.expiresAt };
    case 'AgentVersionChanged':
      return { version: fact.data.to };
    case 'AgentRevoked':
      return { revoked: true };
    case 'AgentWentOffline':
      return { liveness: 'offline' };
    case 'AgentCameOnline':
      return { liveness: 'online' };
    case 'AgentEpochStarted':
      return { epoch: fact.data.epoch };
    case 'AgentJournalForked':
      return { epoch: fact.data.newEpoch };
    default:
      return {};
  }
}

async function begin(
  { data, metadata, recordedAt, revision }: Extract<Fact, { type: 'AgentEnrolled' }>,
  { tx, table }: ProjectionContext,
): Promise<void> {
  const history = tx(table(AGENT_HISTORY));
  await tx`
    insert into ${history} (org_id, agent_id, valid_from, name, labels, version, enrolled_at, certificate_expires_at, agent_revision)
    select ${metadata.orgId}::text, ${data.agentId}::text, ${recordedAt}::timestamptz, ${data.name}::text,
      ${JSON.stringify(data.labels)}::text::jsonb, ${data.version}::text, ${metadata.at}::timestamptz,
      ${data.certificateExpiresAt}::timestamptz, ${revision}::bigint
    where not exists (select 1 from ${history} where agent_id = ${data.agentId})`;
}

/**
 * Splits the range the fact falls in and changes everything from there on. Each stream has columns of its own, so a
 * stream that was parked and comes late leaves the same history as one that came in its turn.
 */
async function change(fact: Fact, changed: Changed, { tx, table }: ProjectionContext): Promise<void> {
  const history = tx(table(AGENT_HISTORY));
  const { recordedAt, revision } = fact;
  const agentId = fact.stream.slice(fact.stream.indexOf('-') + 1);
  const reached = tx(fact.stream.startsWith('agent-') ? 'agent_revision' : 'liveness_revision');
  const [open] = await tx<{ known: bigint }[]>`
    select ${reached} as known from ${history} where agent_id = ${agentId} and valid_to is null for update`;
  if (!open || open.known >= revision) return;
  if (Object.keys(changed).length > 0) {
    await tx`
      with cut as (
        update ${history} set valid_to = ${recordedAt}
        where agent_id = ${agentId} and valid_from < ${recordedAt}
          and (valid_to is null or valid_to > ${recordedAt})
        returning *
      ),
      whole as (
        select valid_to from ${history} where agent_id = ${agentId} and valid_from < ${recordedAt}
          and (valid_to is null or valid_to > ${recordedAt})
      )
      insert into ${history} (org_id, agent_id, valid_from, valid_to, name, labels, version, enrolled_at,
        certificate_expires_at, epoch, revoked, liveness, agent_revision, liveness_revision)
      select org_id, agent_id, ${recordedAt}, (select valid_to from whole), name, labels, version, enrolled_at,
        certificate_expires_at, epoch, revoked, liveness, agent_revision, liveness_revision from cut`;
    const { labels, ...columns } = changed;
    const set = labels
      ? tx`labels = ${JSON.stringify(labels)}::text::jsonb`
      : tx(columns as Record<string, string>);
    await tx`update ${history} set ${set} where agent_id = ${agentId} and valid_from >= ${recordedAt}`;
  }
  await tx`update ${history} set ${reached} = ${revision} where agent_id = ${agentId} and valid_to is null`;
}
