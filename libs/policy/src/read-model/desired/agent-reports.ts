import type { RecordedEvent } from '@keyfleet/event-store';
import { orgTable, type Projection, type ProjectionContext } from '@keyfleet/read-store';
import { foldReport, type Report, type ReportFact } from './fold.js';
import { AGENT_APPLIED, AGENT_REPORTS } from './tables.js';

/** What agents say of their policies in their journals: what rollouts go by and certificates name. */
export const agentReportsProjection: Projection = {
  name: 'policy.agent-reports',
  version: 1,
  filter: {
    categories: ['journal'],
    types: ['PolicyApplied', 'PolicyRejected', 'PolicyBypassed', 'PolicyBypassEnded', 'UsageReported'],
  },
  tables: [
    {
      name: AGENT_REPORTS,
      create: (table) => `
        create table ${table} (
          agent_id text primary key,
          org_id text not null,
          applied_version bigint,
          applied_hash text,
          applied_at timestamptz,
          rejected_version bigint,
          rejected_hash text,
          rejected_code text,
          rejected_at timestamptz,
          bypassed_until timestamptz,
          traffic_version bigint not null,
          requests bigint not null,
          denied bigint not null,
          epoch int not null,
          seq bigint not null
        ) with (fillfactor = 60);
        create index on ${table} (org_id, agent_id);
        ${orgTable(table)}`,
    },
    {
      name: AGENT_APPLIED,
      create: (table) => `
        create table ${table} (
          org_id text not null,
          agent_id text not null,
          version bigint not null,
          hash text not null,
          applied_at timestamptz not null,
          primary key (agent_id, version, hash)
        );
        create index on ${table} (org_id, hash);
        ${orgTable(table)}`,
    },
  ],
  apply: async (events, context) => {
    const facts = events as readonly ReportFact[];
    const reports = await readReports(facts, context);
    const answered = new Map<string, Set<string>>();
    for (const fact of facts) {
      const before = reports.get(agentOf(fact));
      const after = foldReport(before, fact);
      if (after === before) continue;
      reports.set(after.agent_id, after);
      if (fact.type === 'UsageReported') continue;
      answered.set(after.org_id, (answered.get(after.org_id) ?? new Set()).add(after.agent_id));
    }
    await saveReports([...reports.values()], context);
    await saveApplied(facts, context);
    // Usage comes every minute from everybody; whoever needs it looks from time to time.
    return [...answered].map(([orgId, ids]) => ({ orgId, ids: [...ids] }));
  },
};

const agentOf = ({ stream }: RecordedEvent): string =>
  stream.slice('journal-'.length, stream.lastIndexOf('.'));

async function readReports(
  facts: readonly ReportFact[],
  { tx, table }: ProjectionContext,
): Promise<Map<string, Report>> {
  const ids = [...new Set(facts.map(agentOf))];
  const rows = await tx<Report[]>`
    select * from ${tx(table(AGENT_REPORTS))} where agent_id = any(${ids}::text[])`;
  return new Map(rows.map((row) => [row.agent_id, row]));
}

async function saveReports(rows: readonly Report[], { tx, table }: ProjectionContext): Promise<void> {
  const text = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const reports = tx(table(AGENT_REPORTS));
  await tx`
    insert into ${reports} as report
    select new.* from jsonb_populate_recordset(null::${reports}, ${text}::text::jsonb) as new
    on conflict (agent_id) do update set
      applied_version = excluded.applied_version, applied_hash = excluded.applied_hash,
      applied_at = excluded.applied_at, rejected_version = excluded.rejected_version,
      rejected_hash = excluded.rejected_hash, rejected_code = excluded.rejected_code,
      rejected_at = excluded.rejected_at, bypassed_until = excluded.bypassed_until,
      traffic_version = excluded.traffic_version, requests = excluded.requests, denied = excluded.denied,
      epoch = excluded.epoch, seq = excluded.seq`;
}

async function saveApplied(facts: readonly ReportFact[], { tx, table }: ProjectionContext): Promise<void> {
  const rows = facts.flatMap((fact) =>
    fact.type === 'PolicyApplied'
      ? [
          {
            ...{ org_id: fact.metadata.orgId, agent_id: agentOf(fact) },
            ...{ version: fact.data.version, hash: fact.data.hash, applied_at: fact.recordedAt },
          },
        ]
      : [],
  );
  if (rows.length === 0) return;
  const applied = tx(table(AGENT_APPLIED));
  await tx`
    insert into ${applied}
    select new.* from jsonb_populate_recordset(null::${applied}, ${JSON.stringify(rows)}::text::jsonb) as new
    on conflict do nothing`;
}
