import type { Executor, Sql } from '@keyfleet/postgres';
import type { Coverage, PauseReason } from '@keyfleet/registry/liveness';

/** The one row all replicas share: what is covered, and what of it the store has been told. */
export interface Detection {
  readonly coverage: Coverage;
  readonly announcedPause: number;
  readonly announcedResume: number;
  readonly revision: bigint;
}

interface Row {
  covered_ms: bigint;
  proven_ms: number | null;
  watched_ms: number | null;
  watching: boolean;
  episode: bigint;
  paused_ms: number | null;
  reason: PauseReason | null;
  good_ms: number | null;
  resumed_ms: number | null;
  announced_pause: bigint;
  announced_resume: bigint;
  revision: bigint;
}

function toDetection(row: Row): Detection {
  return {
    coverage: {
      coveredMs: Number(row.covered_ms),
      provenUpTo: row.proven_ms,
      lastWatchAt: row.watched_ms,
      watching: row.watching,
      episode: Number(row.episode),
      pausedSince: row.paused_ms,
      reason: row.reason,
      goodSince: row.good_ms,
      resumedAt: row.resumed_ms,
    },
    announcedPause: Number(row.announced_pause),
    announcedResume: Number(row.announced_resume),
    revision: row.revision,
  };
}

export async function addDetection(sql: Sql, installationId: string): Promise<void> {
  await sql`insert into registry.detection (installation_id) values (${installationId}) on conflict do nothing`;
}

/** With `lock`, undefined means that another replica holds it: it is its turn. */
export async function readDetection(
  sql: Executor,
  installationId: string,
  lock = false,
): Promise<Detection | undefined> {
  const ms = (column: string) => sql`(extract(epoch from ${sql(column)}) * 1000)::float8`;
  const [row] = await sql<Row[]>`
    select covered_ms, watching, episode, reason, announced_pause, announced_resume, revision,
      ${ms('proven_up_to')} as proven_ms, ${ms('last_watch_at')} as watched_ms, ${ms('paused_since')} as paused_ms,
      ${ms('good_since')} as good_ms, ${ms('resumed_at')} as resumed_ms
    from registry.detection where installation_id = ${installationId}
    ${lock ? sql`for update skip locked` : sql``}`;
  return row && toDetection(row);
}

export async function saveCoverage(tx: Executor, installationId: string, coverage: Coverage): Promise<void> {
  const time = (ms: number | null) => tx`to_timestamp(${ms}::float8 / 1000)`;
  await tx`
    update registry.detection set
      covered_ms = ${Math.round(coverage.coveredMs)}, proven_up_to = ${time(coverage.provenUpTo)},
      last_watch_at = ${time(coverage.lastWatchAt)}, watching = ${coverage.watching},
      episode = ${coverage.episode}, paused_since = ${time(coverage.pausedSince)}, reason = ${coverage.reason},
      good_since = ${time(coverage.goodSince)}, resumed_at = ${time(coverage.resumedAt)},
      touched_at = clock_timestamp()
    where installation_id = ${installationId}`;
}

export async function saveAnnounced(sql: Sql, installationId: string, detection: Detection): Promise<void> {
  await sql`
    update registry.detection set announced_pause = ${detection.announcedPause},
      announced_resume = ${detection.announcedResume}, revision = ${detection.revision}
    where installation_id = ${installationId}
      and announced_pause <= ${detection.announcedPause} and announced_resume <= ${detection.announcedResume}`;
}
