import { parseSelector, selects } from '@keyfleet/contracts';
import type { AgentEnrolled, AgentLabelled, EventOf, GroupDefined } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Executor } from '@keyfleet/postgres';
import { orgTable, type Projection, type ProjectionContext } from '@keyfleet/read-store';
import { offlineAfterSeconds } from '../../liveness/index.js';

const AGENTS = 'registry.watched_agents';
const GROUPS = 'registry.watched_groups';

/** Which agents the detector must watch and how long each may be silent: its question, and nobody else's. */
export const watchedAgents: Projection = {
  name: 'registry.watched-agents',
  version: 1,
  filter: {
    categories: ['agent', 'group'],
    types: ['AgentEnrolled', 'AgentLabelled', 'AgentRevoked', 'GroupDefined', 'GroupRemoved'],
  },
  tables: [
    {
      name: AGENTS,
      create: (name) => `
        create table ${name} (
          agent_id text primary key, org_id text not null, version text not null, labels jsonb not null,
          enrolled_at timestamptz not null, offline_after int not null, revoked boolean not null default false);
        create index on ${name} (org_id, agent_id);
        ${orgTable(name)}`,
    },
    {
      name: GROUPS,
      create: (name) => `
        create table ${name} (
          group_id text primary key, org_id text not null, selector text not null, offline_after int not null);
        create index on ${name} (org_id);
        ${orgTable(name)}`,
    },
  ],
  apply: async (events, context) => {
    const touched: Touched = { agents: new Set(), orgs: new Set() };
    for (const event of events) await applyOne(event, context, touched);
    await settleThresholds(touched, context);
    return [];
  },
};

interface Touched {
  readonly agents: Set<string>;
  /** Organisations whose groups changed: any of their agents may be concerned. */
  readonly orgs: Set<string>;
}

type Data<D> = Extract<EventOf<D>, { data: unknown }>['data'];

async function applyOne(
  { type, data, metadata, recordedAt }: RecordedEvent,
  { tx, table }: ProjectionContext,
  touched: Touched,
): Promise<void> {
  const orgId = metadata.orgId as string;
  if (type === 'AgentEnrolled') {
    const { agentId, version, labels } = data as Data<typeof AgentEnrolled>;
    await tx`
      insert into ${tx(table(AGENTS))} (agent_id, org_id, version, labels, enrolled_at, offline_after)
      values (${agentId}, ${orgId}, ${version}, ${JSON.stringify(labels)}::text::jsonb, ${recordedAt}, ${offlineAfterSeconds([])})
      on conflict (agent_id) do nothing`;
    touched.agents.add(agentId);
  } else if (type === 'AgentLabelled') {
    const { agentId, labels } = data as Data<typeof AgentLabelled>;
    await tx`update ${tx(table(AGENTS))} set labels = ${JSON.stringify(labels)}::text::jsonb where agent_id = ${agentId}`;
    touched.agents.add(agentId);
  } else if (type === 'AgentRevoked') {
    await tx`update ${tx(table(AGENTS))} set revoked = true where agent_id = ${(data as { agentId: string }).agentId}`;
  } else {
    await applyGroup(type, data as Data<typeof GroupDefined>, orgId, { tx, table });
    touched.orgs.add(orgId);
  }
}

async function applyGroup(
  type: string,
  { groupId, selector, offlineAfterSeconds: seconds }: Data<typeof GroupDefined>,
  orgId: string,
  { tx, table }: ProjectionContext,
): Promise<void> {
  const groups = tx(table(GROUPS));
  if (type === 'GroupRemoved' || seconds === null) {
    await tx`delete from ${groups} where group_id = ${groupId}`;
    return;
  }
  parseSelector(selector);
  await tx`
    insert into ${groups} (group_id, org_id, selector, offline_after)
    values (${groupId}, ${orgId}, ${selector}, ${seconds})
    on conflict (group_id) do update set selector = excluded.selector, offline_after = excluded.offline_after`;
}

async function settleThresholds(touched: Touched, { tx, table }: ProjectionContext): Promise<void> {
  const agents = await tx<{ agent_id: string; org_id: string; labels: Labels; offline_after: number }[]>`
    select agent_id, org_id, labels, offline_after from ${tx(table(AGENTS))}
    where agent_id = any(${[...touched.agents]}::text[]) or org_id = any(${[...touched.orgs]}::text[])
    order by agent_id`;
  if (agents.length === 0) return;
  const groups = await readGroups(tx, table(GROUPS), [...new Set(agents.map(({ org_id }) => org_id))]);
  const changed = agents.flatMap(({ agent_id, org_id, labels, offline_after }) => {
    const settings = (groups.get(org_id) ?? []).filter(({ picks }) => picks(labels));
    const after = offlineAfterSeconds(settings.map(({ seconds }) => seconds));
    return after === offline_after ? [] : [{ agent_id, after }];
  });
  if (changed.length === 0) return;
  await tx`
    update ${tx(table(AGENTS))} row set offline_after = new.after
    from jsonb_to_recordset(${JSON.stringify(changed)}::text::jsonb) as new (agent_id text, after int)
    where row.agent_id = new.agent_id`;
}

type Labels = Readonly<Record<string, string>>;

interface Setting {
  readonly seconds: number;
  readonly picks: (labels: Labels) => boolean;
}

async function readGroups(
  tx: Executor,
  table: string,
  orgIds: readonly string[],
): Promise<ReadonlyMap<string, readonly Setting[]>> {
  const rows = await tx<{ org_id: string; selector: string; offline_after: number }[]>`
    select org_id, selector, offline_after from ${tx(table)}
    where org_id = any(${orgIds as string[]}::text[]) order by group_id`;
  const settings = new Map<string, Setting[]>();
  for (const { org_id, selector, offline_after } of rows) {
    const filter = parseSelector(selector);
    const setting = { seconds: offline_after, picks: (labels: Labels) => selects(filter, labels) };
    settings.set(org_id, [...(settings.get(org_id) ?? []), setting]);
  }
  return settings;
}
