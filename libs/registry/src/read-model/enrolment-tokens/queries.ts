import { parseFilter } from '@keyfleet/contracts';
import type { EnrolmentTokenView } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, type FilterField, filterSql, tenantQuery } from '@keyfleet/read-store';
import { type RawBuilder, sql } from 'kysely';
import type { EnrolmentTokenTables } from './projection.js';

const STATES = ['open', 'used', 'expired', 'revoked'] as const;

export interface EnrolmentTokenList {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly orgId: string;
  /** RFC 3339: what has ended by then is expired. */
  readonly now: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
}

function stateAt(now: string): RawBuilder<EnrolmentTokenView['state']> {
  return sql`case
    when t.revoked_at is not null then 'revoked'
    when t.used >= t.uses then 'used'
    when t.expires_at <= ${now}::text::timestamptz then 'expired'
    else 'open' end`;
}

function fieldsAt(now: string): ReadonlyMap<string, FilterField> {
  return new Map<string, FilterField>([
    ['id', { type: 'text', sql: sql`t.token_id` }],
    ['state', { type: 'text', sql: stateAt(now), values: STATES }],
    ['issuedBy', { type: 'text', sql: sql`t.issued_by` }],
    ['issuedAt', { type: 'time', sql: sql`t.issued_at` }],
    ['expiresAt', { type: 'time', sql: sql`t.expires_at` }],
  ]);
}

/** A page of enrolment tokens, newest first. Throws `filter.invalid` and `cursor.invalid`. */
export async function listEnrolmentTokens(
  list: EnrolmentTokenList,
): Promise<{ readonly items: readonly EnrolmentTokenView[]; readonly nextCursor: string | null }> {
  const { cursors, orgId, limit, filter, now } = list;
  const fields = fieldsAt(now);
  const listName = ['enrolment-tokens', orgId, filter ?? ''];
  const condition = filter ? filterSql(parseFilter(filter), fields) : undefined;
  const place = list.cursor === undefined ? undefined : cursors.decode(listName, list.cursor, 2);
  const rows = await tenantQuery<EnrolmentTokenTables, TokenRow>(list.sql, orgId, (db, org) => {
    let query = db
      .selectFrom('registry.enrolment_tokens as t')
      .select(['t.token_id', 't.uses', 't.used', 't.labels', 't.expires_at', 't.issued_at', 't.issued_by'])
      .select(stateAt(now).as('state'))
      .where('t.org_id', '=', org);
    if (condition) query = query.where(condition);
    if (place)
      query = query.where(
        sql<boolean>`(t.issued_at, t.token_id) < (${place[0]}::text::timestamptz, ${place[1]}::text)`,
      );
    return query
      .orderBy('t.issued_at', 'desc')
      .orderBy('t.token_id', 'desc')
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items: items.map(toView),
    nextCursor: last ? cursors.encode(listName, [last.issued_at, last.token_id]) : null,
  };
}

type TokenRow = Pick<
  EnrolmentTokenTables['registry.enrolment_tokens'],
  'token_id' | 'uses' | 'used' | 'labels' | 'expires_at' | 'issued_at' | 'issued_by'
> & { state: EnrolmentTokenView['state'] };

function toView(row: TokenRow): EnrolmentTokenView {
  return {
    id: row.token_id,
    state: row.state,
    uses: row.uses,
    used: row.used,
    labels: row.labels,
    expiresAt: row.expires_at,
    issuedAt: row.issued_at,
    issuedBy: row.issued_by,
  };
}
