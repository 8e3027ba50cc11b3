import type { Permission } from '@keyfleet/contracts';
import type { Clock } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import { knownPermissions, permissionsOfRole } from '../auth/auth-queries.js';

/** Who may do what in an organisation, over a connection as `kf_identity` or `kf_worker`. */
export interface MemberDirectory {
  /** `null` where the user is not active, or no member, or the organisation is not active. */
  permissionsOf(userId: string, orgId: string): Promise<readonly Permission[] | null>;
  /** `null` where the token, or one it came of, was revoked, or it is unknown, expired or of another organisation. */
  permissionsOfToken(tokenId: string, orgId: string): Promise<readonly Permission[] | null>;
  /** Every token there ever was that the user issued, or a token the user issued, whatever became of it. */
  tokensOf(userId: string, orgId: string): Promise<readonly string[]>;
}

export function memberDirectory(sql: Sql, clock: Pick<Clock, 'now'>): MemberDirectory {
  return {
    permissionsOf: async (userId, orgId) => {
      const [row] = await sql<{ role: string; permissions: string[] | null }[]>`
        select m.role, r.permissions from identity.memberships m
        join identity.organisations o on o.org_id = m.org_id and o.status = 'active'
        join identity.users u on u.user_id = m.user_id and u.status = 'active'
        left join identity.roles r on r.org_id = m.org_id and r.role = m.role
        where m.user_id = ${userId} and m.org_id = ${orgId} and m.role is not null`;
      return row ? permissionsOfRole(row) : null;
    },
    permissionsOfToken: async (tokenId, orgId) => {
      const now = new Date(clock.now()).toISOString();
      const [row] = await sql<{ permissions: string[] }[]>`
        with recursive issuers as (
          select token_id, issued_by, revoked_at from identity.api_tokens where token_id = ${tokenId}
          union
          select t.token_id, t.issued_by, t.revoked_at from identity.api_tokens t
          join issuers i on t.token_id = i.issued_by
        )
        select t.permissions from identity.api_tokens t
        join identity.organisations o on o.org_id = t.org_id and o.status = 'active'
        where t.token_id = ${tokenId} and t.org_id = ${orgId}
          and not exists (select 1 from issuers where revoked_at is not null)
          and (t.expires_at is null or t.expires_at > ${now})`;
      return row ? knownPermissions(row.permissions) : null;
    },
    tokensOf: async (userId, orgId) => {
      const rows = await sql<{ token_id: string }[]>`
        with recursive issued as (
          select token_id from identity.api_tokens where org_id = ${orgId} and issued_by = ${userId}
          union
          select t.token_id from identity.api_tokens t
          join issued i on t.issued_by = i.token_id where t.org_id = ${orgId}
        ) select token_id from issued`;
      return rows.map(({ token_id }) => token_id);
    },
  };
}
