import { parseFilter } from '@keyfleet/contracts';
import type { Sql } from '@keyfleet/postgres';
import { type Cursors, type FilterField, filterSql, tenantPage } from '@keyfleet/read-store';
import { sql } from 'kysely';

interface ApiTokenTables {
  'identity.api_tokens': {
    org_id: string;
    token_id: string;
    name: string;
    permissions: string[];
    issued_by: string;
    issued_at: string;
    expires_at: string | null;
    revoked_at: string | null;
  };
}

export interface ApiTokenItem {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly issuedAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

export interface ApiTokenList {
  /** As `kf_reader`. */
  readonly sql: Sql;
  readonly cursors: Cursors;
  readonly orgId: string;
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly filter?: string | undefined;
}

const FIELDS: ReadonlyMap<string, FilterField> = new Map([
  ['id', { type: 'text', sql: sql`t.token_id` }],
  ['name', { type: 'text', sql: sql`t.name` }],
  ['issuedAt', { type: 'time', sql: sql`t.issued_at` }],
  ['expiresAt', { type: 'time', sql: sql`t.expires_at` }],
  ['revokedAt', { type: 'time', sql: sql`t.revoked_at` }],
]);

/** A page of API tokens, newest first; what they open and never what opens it. Throws `filter.invalid` and `cursor.invalid`. */
export async function listApiTokens(
  list: ApiTokenList,
): Promise<{ readonly items: readonly ApiTokenItem[]; readonly nextCursor: string | null }> {
  const condition = list.filter ? filterSql(parseFilter(list.filter), FIELDS) : undefined;
  const { rows, nextCursor } = await tenantPage<ApiTokenTables, ApiTokenRow>(
    {
      ...list,
      list: ['api-tokens', list.filter ?? ''],
      keys: [
        { sql: sql`t.issued_at`, type: 'timestamptz' },
        { sql: sql`t.token_id`, type: 'text' },
      ],
      descending: true,
    },
    (db, org) => {
      const query = db
        .selectFrom('identity.api_tokens as t')
        .select(['t.token_id', 't.name', 't.permissions', 't.issued_at', 't.expires_at', 't.revoked_at'])
        .where('t.org_id', '=', org);
      return condition ? query.where(condition) : query;
    },
  );
  return { items: rows.map(toItem), nextCursor };
}

function toItem(row: ApiTokenRow): ApiTokenItem {
  return {
    id: row.token_id,
    name: row.name,
    permissions: row.permissions,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

type ApiTokenRow = Omit<ApiTokenTables['identity.api_tokens'], 'org_id' | 'issued_by'>;
