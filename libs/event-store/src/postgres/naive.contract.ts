import { setTimeout as delay } from 'node:timers/promises';
import { KeyfleetError } from '@keyfleet/kernel';
import postgres, { type Sql } from 'postgres';
import type { Lawful } from '../contract/lawful.contract.js';
import { follow, type Look } from '../follow.js';
import { checkMoment } from '../input.js';
import type { AppendResult, ExpectedRevision, NewEvent, Position, RecordedEvent } from '../port.js';
import { BEGINNING, compareCounts } from '../position.js';
import { Wakeups } from '../wakeups.js';

/**
 * The planted bug: the event store everybody writes first. Positions are of a sequence, and a reader asks for those
 * above the last it saw; whoever commits late with a lower one is never read.
 */
export class NaiveEventStore implements Lawful {
  readonly #sql: Sql;

  constructor(url: string) {
    this.#sql = postgres(url, { max: 20, onnotice: () => {} });
  }

  async create(): Promise<void> {
    await this.#sql`
      create table naive (position bigserial primary key, stream text, revision bigint, id text, type text,
                          recorded_at timestamptz default clock_timestamp(), unique (stream, revision))`;
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
        if (Math.random() < 0.1) throw new KeyfleetError('store.unavailable');
        return {
          outcome: 'appended' as const,
          revision: first + BigInt(events.length - 1),
          position: written.at(-1)?.position ?? BEGINNING,
          idempotent: false,
        };
      });
    } catch (error) {
      if ((error as { code?: string }).code !== '23505') throw error;
      return { outcome: 'conflict', stream, expected, actual: await this.streamRevision(stream) };
    }
  }

  async streamRevision(stream: string): Promise<bigint | null> {
    const [row] = await this.#sql<
      { revision: string | null }[]
    >`select max(revision) as revision from naive where stream = ${stream}`;
    return row?.revision ? BigInt(row.revision) : null;
  }

  async headPosition(): Promise<Position> {
    const [row] = await this.#sql<{ head: string }[]>`select coalesce(max(position), 0) as head from naive`;
    return row?.head ?? BEGINNING;
  }

  async readAll({ after = BEGINNING, limit = 1_000 } = {}): Promise<Look> {
    const rows = await this.#sql`
      select *, to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
        from naive where position > ${after} order by position limit ${limit}`;
    const events = rows.map(
      (row): RecordedEvent => ({
        id: row.id,
        type: row.type,
        v: 1,
        data: null,
        metadata: { orgId: null, actor: '', at: '' },
        stream: row.stream,
        revision: BigInt(row.revision),
        position: row.position,
        recordedAt: checkMoment(row.moment),
      }),
    );
    return { events, upTo: events.at(-1)?.position ?? after, more: events.length === limit };
  }

  subscribe({ signal, filter }: Parameters<Lawful['subscribe']>[0]) {
    const look = async (after: Position): Promise<Look> => {
      const page = await this.readAll({ after });
      return {
        ...page,
        events: page.events.filter(({ type }) => filter?.types?.includes(type) ?? true),
      };
    };
    return follow({ look, after: BEGINNING, wakeups: new Wakeups(), signal, pollMs: 2 });
  }

  comparePositions(a: Position, b: Position): -1 | 0 | 1 {
    return compareCounts(a, b);
  }

  async close(): Promise<void> {
    await this.#sql.end();
  }
}
