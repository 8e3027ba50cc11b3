import type { Clock } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';

const FRESH_MS = 30_000;

/** How many agents there are, about, also while the inventory is rebuilt: asked again every half minute, and the last answer where the database is away. */
export function fleetSize(sql: Sql, clock: Clock): () => Promise<number> {
  let known = 0;
  let asked = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.monotonic() - asked < FRESH_MS) return known;
    asked = clock.monotonic();
    const rows = await sql<{ agents: bigint }[]>`
      select count(*) as agents from registry.watched_agents where not revoked`.catch(() => []);
    known = Number(rows[0]?.agents ?? known);
    return known;
  };
}
