import { compareCounts } from '../position.js';
import type { Link } from './link.js';

interface Removal {
  readonly after: string;
  readonly upTo: string;
  readonly category: string | null;
  readonly orgId: string | null;
}

/** Removes events in small transactions, oldest first; appends and readers go on meanwhile. */
export class Retention {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  async trim(category: string, before: string): Promise<number> {
    const [row] = await this.#link.run(
      (sql) => sql<{ after: string; upto: string }[]>`
        select coalesce((select t.position from store.trimmed t where t.category = ${category}), 0)::text as after,
               store.position_before(${before}::text::timestamptz)::text as upto`,
    );
    const { after = '0', upto = '0' } = row ?? {};
    return this.#remove({ after, upTo: upto, category, orgId: null });
  }

  async erase(orgId: string, upTo: string): Promise<number> {
    return this.#remove({ after: '0', upTo, category: null, orgId: orgId.slice('org_'.length) });
  }

  async #remove({ after, upTo, category, orgId }: Removal): Promise<number> {
    let removed = 0;
    for (let reached = after; compareCounts(reached, upTo) < 0; ) {
      const from = reached;
      const [step] = await this.#link.run(
        (sql) => sql<{ upto: string; removed: string }[]>`
          select upto, removed
            from store.remove_events(${from}::text::bigint, ${upTo}::text::bigint, ${category}, ${orgId}::text::uuid)`,
      );
      reached = step?.upto ?? upTo;
      removed += Number(step?.removed ?? 0);
    }
    return removed;
  }
}
