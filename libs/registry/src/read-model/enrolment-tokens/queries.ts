import { parseFilter } from '@keyfleet/contracts';
import type { EnrolmentTokenView } from '@keyfleet/contracts/http';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, type FilterField, filterSql, tenantPage } from '@keyfleet/read-store';
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
  const { filter, now } = list;
  const condition = filter ? filterSql(parseFilter(filter), fieldsAt(now)) : undefined;
  const { rows, nextCursor } = await tenantPage<EnrolmentTokenTables, TokenRow>(
    {
      ...list,
      list: ['enrolment-tokens', filter ?? ''],
      keys: [
        { sql: sql`t.issued_at`, type: 'timestamptz' },
        { sql: sql`t.token_id`, type: 'text' },
      ],
      descending: true,
    },
    (db, org) => {
      const query = db
        .selectFrom('registry.enrolment_tokens as t')
        .select(['t.token_id', 't.uses', 't.used', 't.labels', 't.expires_at', 't.issued_at', 't.issued_by'])
        .select(stateAt(now).as('state'))
        .where('t.org_id', '=', org);
      return condition ? query.where(condition) : query;
    },
  );
  return { items: rows.map(toView), nextCursor };
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
