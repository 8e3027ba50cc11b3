import type { RecordedEvent } from '@keyfleet/event-store';
import { isId } from '@keyfleet/kernel';
import type { Change, Projection } from '@keyfleet/read-store';
import { EVENTS, EVENTS_TABLE, INSTALLATION_EVENTS, INSTALLATION_EVENTS_TABLE } from './table.js';

/** The timeline: everything that happened, by organisation, and what concerns the installation as a whole. */
export const eventsProjection: Projection = {
  name: EVENTS,
  version: 1,
  filter: {},
  tables: [EVENTS_TABLE, INSTALLATION_EVENTS_TABLE],
  apply: async (events, { tx, table }) => {
    const own = events.filter(({ metadata }) => metadata.orgId !== null);
    const everybodys = events.filter(({ metadata }) => metadata.orgId === null);
    const columns = (prefix: string) =>
      tx.unsafe(`${prefix}position, id, type, v, at, recorded_at, stream, revision, agent_id, actor, data`);
    const rows = (of: readonly RecordedEvent[]) => tx`
      jsonb_to_recordset(${JSON.stringify(of.map(toRow))}::text::jsonb) as new (org_id text, position bigint, id text,
        type text, v int, at timestamptz, recorded_at timestamptz, stream text, revision bigint, agent_id text,
        actor text, data jsonb)`;
    if (own.length > 0)
      await tx`
        insert into ${tx(table(EVENTS))} (${columns('org_id, ')}) select ${columns('org_id, ')} from ${rows(own)}
        on conflict (org_id, position) do nothing`;
    if (everybodys.length > 0)
      await tx`
        insert into ${tx(table(INSTALLATION_EVENTS))} (${columns('')}) select ${columns('')} from ${rows(everybodys)}
        on conflict (position) do nothing`;
    return changesOf(events);
  },
};

/** What recognises a credential is nobody's to see, though it is not the credential itself. */
const HIDDEN = new Set(['secretHash', 'nkey']);

function toRow(event: RecordedEvent) {
  const data = Object.entries(event.data as Record<string, unknown>).filter(([key]) => !HIDDEN.has(key));
  return {
    org_id: event.metadata.orgId,
    position: event.position,
    id: event.id,
    type: event.type,
    v: event.v,
    at: event.metadata.at,
    recorded_at: event.recordedAt,
    stream: event.stream,
    revision: String(event.revision),
    agent_id: agentOf(event),
    actor: event.metadata.actor,
    data: Object.fromEntries(data),
  };
}

const OF_AGENT = /^(?:agent|journal|liveness)-(agt_[0-9a-f-]{36})/;

/** The agent an event is of: by its stream, else by what it says or who did it. */
function agentOf({ stream, data, metadata }: RecordedEvent): string | null {
  const found = OF_AGENT.exec(stream)?.[1] ?? (data as { agentId?: unknown }).agentId ?? metadata.actor;
  return isId('agt', found) ? found : null;
}

function changesOf(events: readonly RecordedEvent[]): Change[] {
  return [...new Set(events.map(({ metadata }) => metadata.orgId))].map((orgId) => ({ orgId, ids: [] }));
}
