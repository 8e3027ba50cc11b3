import type { RecordedEvent } from '@keyfleet/event-store';
import type { Projection, ProjectionContext } from '@keyfleet/read-store';
import {
  type QuarterHour,
  REQUEST_CLASSES,
  REQUEST_CLASSES_TABLE,
  REQUEST_JOURNALS,
  REQUEST_JOURNALS_TABLE,
  type RequestClassesTable,
} from './tables.js';
import { firstDayKept, type Usage, type UsageFact, usagesOf } from './usage.js';

/**
 * What agents were asked lately, for replaying drafts. Usage reports count every request, denied ones too; an
 * `AccessDenied` tells of one of them sooner and would count it twice.
 */
export const requestClassesProjection: Projection = {
  name: 'policy.request-classes',
  version: 1,
  filter: { categories: ['journal'], types: ['UsageReported'] },
  tables: [REQUEST_CLASSES_TABLE, REQUEST_JOURNALS_TABLE],
  apply: async (events, context) => {
    const fresh = await notCounted(events as readonly UsageFact[], context);
    await count(
      fresh.flatMap((fact) => [...usagesOf(fact)]),
      context,
    );
    await markCounted(fresh, context);
    await forgetOld(events, context);
    // It moves every minute and nobody watches it.
    return [];
  },
};

async function notCounted(
  facts: readonly UsageFact[],
  { tx, table }: ProjectionContext,
): Promise<UsageFact[]> {
  const streams = [...new Set(facts.map(({ stream }) => stream))];
  const rows = await tx<{ stream: string; revision: bigint }[]>`
    select stream, revision from ${tx(table(REQUEST_JOURNALS))} where stream = any(${streams}::text[])`;
  const counted = new Map(rows.map(({ stream, revision }) => [stream, revision]));
  return facts.filter(({ stream, revision }) => revision > (counted.get(stream) ?? -1n));
}

async function markCounted(facts: readonly UsageFact[], { tx, table }: ProjectionContext): Promise<void> {
  const newest = new Map(facts.map((fact) => [fact.stream, fact]));
  const rows = [...newest.values()].map(({ stream, metadata, revision }) => ({
    ...{ stream, org_id: metadata.orgId, revision: String(revision) },
  }));
  const journals = tx(table(REQUEST_JOURNALS));
  await tx`
    insert into ${journals} (stream, org_id, revision)
    select stream, org_id, revision
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as new (stream text, org_id text, revision bigint)
    on conflict (stream) do update set revision = excluded.revision`;
}

/** Reads the rows of a batch's classes, adds, and writes them back: two statements for however many reports. */
async function count(usages: readonly Usage[], { tx, table }: ProjectionContext): Promise<void> {
  if (usages.length === 0) return;
  const classes = tx(table(REQUEST_CLASSES));
  const groups = Map.groupBy(usages, keyOf);
  const firsts = [...groups.values()].flatMap(([first]) => (first ? [first] : []));
  const known = await tx<RequestClassesTable[]>`
    select r.org_id, r.day::text as day, r.agent_id, r.class_hash, r.class, r.allowed, r.denied, r.quarters
    from ${classes} r
    join unnest(${firsts.map(({ orgId }) => orgId)}::text[], ${firsts.map(({ day }) => day)}::text[]::date[],
      ${firsts.map(({ agentId }) => agentId)}::text[], ${firsts.map(({ hash }) => hash)}::text[])
      as wanted (org_id, day, agent_id, class_hash) using (org_id, day, agent_id, class_hash)`;
  const before = new Map(known.map((row) => [keyOfRow(row), row]));
  const rows = [...groups].map(([key, all]) => all.reduce(added, before.get(key)) as RequestClassesTable);
  const text = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  await tx`
    insert into ${classes}
    select new.* from jsonb_populate_recordset(null::${classes}, ${text}::text::jsonb) as new
    on conflict (org_id, day, agent_id, class_hash) do update set
      allowed = excluded.allowed, denied = excluded.denied, quarters = excluded.quarters`;
}

function keyOf({ orgId, day, agentId, hash }: Usage): string {
  return `${orgId} ${day} ${agentId} ${hash}`;
}

function keyOfRow({ org_id, day, agent_id, class_hash }: RequestClassesTable): string {
  return `${org_id} ${day} ${agent_id} ${class_hash}`;
}

function added(row: RequestClassesTable | undefined, usage: Usage): RequestClassesTable {
  const { orgId, day, agentId, hash, requested, quarter, allowed, denied } = usage;
  const before = row ?? {
    ...{ org_id: orgId, day, agent_id: agentId, class_hash: hash, class: requested },
    ...{ allowed: 0n, denied: 0n, quarters: [] },
  };
  return {
    ...before,
    allowed: before.allowed + BigInt(allowed),
    denied: before.denied + BigInt(denied),
    quarters: withQuarter(before.quarters, [quarter, allowed, denied]),
  };
}

function withQuarter(
  quarters: readonly QuarterHour[],
  [quarter, allowed, denied]: QuarterHour,
): QuarterHour[] {
  const found = quarters.find(([known]) => known === quarter);
  if (!found) return [...quarters, [quarter, allowed, denied]];
  return quarters.map((one) => (one === found ? [quarter, one[1] + allowed, one[2] + denied] : one));
}

/** By the time of recording, which no agent chooses. */
async function forgetOld(events: readonly RecordedEvent[], { tx, table }: ProjectionContext): Promise<void> {
  const newest = events.at(-1);
  if (!newest) return;
  await tx`
    delete from ${tx(table(REQUEST_CLASSES))} where day < ${firstDayKept(newest.recordedAt)}::text::date`;
}
