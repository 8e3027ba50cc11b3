import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedEvent } from '@keyfleet/event-store';
import postgres, { type Sql } from 'postgres';

/** The tables behind what is shown, looked at with a superuser's eyes. */
export class ReadModel {
  readonly #sql: Sql;

  constructor(url: string) {
    this.#sql = postgres(url, { max: 2, onnotice: () => {} });
  }

  /** Until every projection has come as far as the store; what is not there then counts as missing. False where it gave up. */
  async caughtUp(head: string, patienceMs: number): Promise<boolean> {
    const until = performance.now() + patienceMs;
    for (;;) {
      const [row] = await this.#sql<{ behind: number }[]>`
        select count(*)::int as behind from projections.checkpoints
        where state = 'current' and coalesce(position::bigint, 0) < ${head}::bigint`;
      if (row?.behind === 0) return true;
      if (performance.now() > until) return false;
      await delay(500);
    }
  }

  /** Events of a page of the store that do not have exactly their own row, and rows there without an event. */
  async misprojected(
    events: readonly RecordedEvent[],
    after: string | undefined,
    upTo: string,
  ): Promise<number> {
    const rows = await this.#sql<{ position: string; id: string; stream: string }[]>`
      select position::text, id, stream from analytics.events
      where org_id = any(${await this.#orgs()}) and position > ${after ?? '0'}::bigint
        and position <= ${upTo}::bigint`;
    const found = new Map<string, string>();
    let wrong = 0;
    for (const { position, id, stream } of rows) {
      if (found.has(position)) wrong += 1;
      found.set(position, `${id} ${stream}`);
    }
    for (const { position, id, stream, metadata } of events) {
      if (metadata.orgId === null) continue;
      if (found.get(position) !== `${id} ${stream}`) wrong += 1;
      found.delete(position);
    }
    return wrong + found.size;
  }

  #known: string[] | undefined;

  /** By their primary key, organisation first. */
  async #orgs(): Promise<string[]> {
    this.#known ??= (
      await this.#sql<{ org: string }[]>`select 'org_' || org_id::text as org from store.orgs`
    ).map(({ org }) => org);
    return this.#known;
  }

  /** How many rows there are that no event stands behind: beyond the newest position. */
  async beyond(head: string): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int from analytics.events where position > ${head}::bigint`;
    return row?.count ?? 0;
  }

  /** Tables with organisations in them that show somebody's rows to whoever asks in nobody's name: their owner, or a reader. */
  async openTables(): Promise<string[]> {
    const tables = await this.#sql<{ name: string; forced: boolean; granted: string[] }[]>`
      select format('%I.%I', n.nspname, c.relname) as name, c.relrowsecurity and c.relforcerowsecurity as forced,
        array(select r.rolname::text from pg_policy p join pg_roles r on r.oid = any(p.polroles)
              where p.polrelid = c.oid) as granted
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and n.nspname not in ('store', 'pg_catalog', 'information_schema', 'pg_toast')
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped)
      order by 1`;
    const open = tables.filter(({ forced }) => !forced).map(({ name }) => name);
    // The owner may have a policy of its own, for functions that run with its rights.
    for (const { name, granted } of tables)
      for (const role of ['kf_owner', 'kf_reader'])
        if (
          !(role === 'kf_owner' && granted.includes(role)) &&
          (await this.#sees(role, name)) &&
          !open.includes(name)
        )
          open.push(name);
    return open;
  }

  async #sees(role: string, table: string): Promise<boolean> {
    try {
      return await this.#sql.begin(async (tx) => {
        await tx.unsafe(`set local role ${role}`);
        return (await tx.unsafe(`select 1 from ${table} limit 1`)).length > 0;
      });
    } catch (error) {
      if ((error as { code?: string }).code === '42501') return false;
      throw error;
    }
  }

  /** Streams that a projection could not go on with. */
  async parked(): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int from projections.parked_streams`;
    return row?.count ?? 0;
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 5 });
  }
}
