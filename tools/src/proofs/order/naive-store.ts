import { setTimeout as delay } from 'node:timers/promises';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
} from '@keyfleet/event-store';
import postgres, { type Sql } from 'postgres';

/** What the proof needs of a store. */
export type OrderedStore = Pick<EventStore, 'append' | 'subscribe' | 'readAll' | 'close'>;

/**
 * The planted bug: positions come from a sequence and a reader asks for those above the last it saw, so whoever
 * commits late with a lower one is never read. The proof is evidence only because it sees this one fail.
 */
export class NaiveStore implements OrderedStore {
  readonly #sql: Sql;

  constructor(url: string) {
    this.#sql = postgres(url, { max: 20, onnotice: () => {} });
  }

  static async create(url: string): Promise<void> {
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    await sql`
      create table naive (position bigserial primary key, stream text, revision bigint, id text, type text,
        recorded_at timestamptz default clock_timestamp(), unique (stream, revision))`;
    await sql.end();
  }

  async append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
  ): Promise<AppendResult> {
    const first = expected === 'no-stream' ? 0n : expected + 1n;
    const rows = events.map(({ id, type }, n) => ({ stream, revision: String(first + BigInt(n)), id, type }));
    try {
      return await this.#sql.begin(async (sql) => {
        const written = await sql<{ position: string }[]>`insert into naive ${sql(rows)} returning position`;
        await delay(Math.random() * 5);
        const revision = first + BigInt(events.length - 1);
        return {
          outcome: 'appended',
          revision,
          position: String(written.at(-1)?.position),
          idempotent: false,
        };
      });
    } catch (error) {
      if ((error as { code?: string }).code !== '23505') throw error;
      return { outcome: 'conflict', stream, expected, actual: null };
    }
  }

  async readAll({ after = '0', limit = 1_000 } = {}): ReturnType<EventStore['readAll']> {
    const rows = await this.#sql`
      select position, stream, revision, id, type,
             to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
        from naive where position > ${after} order by position limit ${limit}`;
    const events = rows.map(
      (row): RecordedEvent => ({
        ...{ id: row.id, type: row.type, v: 1, data: {}, stream: row.stream, recordedAt: row.moment },
        ...{ position: row.position, revision: BigInt(row.revision) },
        metadata: { orgId: null, actor: 'naive', at: row.moment },
      }),
    );
    return { events, upTo: events.at(-1)?.position ?? after };
  }

  async *subscribe({ after = '0', filter, signal }: Parameters<EventStore['subscribe']>[0]) {
    for (let from = after; !signal.aborted; await delay(2)) {
      const page = await this.readAll({ after: from });
      from = page.upTo;
      const wanted = page.events.filter(({ type }) => filter?.types?.includes(type) ?? true);
      if (page.events.length > 0)
        yield [
          ...wanted.map((event) => ({ kind: 'event' as const, event })),
          { kind: 'mark' as const, upTo: from },
        ];
    }
  }

  async close(): Promise<void> {
    await this.#sql.end();
  }
}
