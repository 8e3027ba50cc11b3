import { BUILT_IN_ROLES, PERMISSIONS, type Permission } from '@keyfleet/contracts';
import type { Sql } from '@keyfleet/postgres';

export interface FoundSession {
  readonly sessionId: string;
  readonly userId: string;
  /** `null` once the person was erased. */
  readonly email: string | null;
  readonly name: string | null;
  /** Milliseconds since the epoch: the sooner of the idle and the absolute limit. */
  readonly expiresAt: number;
}

export interface FoundApiToken {
  readonly tokenId: string;
  readonly orgId: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
}

export interface FoundOrganisation {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
}

/** Each by exact key, over a connection as `kf_auth`. Expiry is not looked at: the caller has the clock. */
export interface AuthQueries {
  /** By SHA-256 (hex) of the cookie's value. `null` also where the user is not active. */
  findSession(secretHash: string): Promise<FoundSession | null>;
  /** By SHA-256 (hex) of the whole token. `null` also where it is revoked or its organisation suspended. */
  findApiToken(secretHash: string): Promise<FoundApiToken | null>;
  /** `null` also where it is suspended. */
  findOrganisation(idOrSlug: string): Promise<FoundOrganisation | null>;
  /** What the user may do there; `null` where not an active member of an active organisation. */
  permissionsOf(userId: string, orgId: string): Promise<readonly Permission[] | null>;
  organisationsOf(userId: string): Promise<readonly FoundOrganisation[]>;
}

interface MembershipRow {
  readonly role: string;
  readonly permissions: readonly string[] | null;
}

export function authQueries(sql: Sql): AuthQueries {
  return {
    findSession: async (secretHash) => {
      const [row] = await sql<
        {
          session_id: string;
          user_id: string;
          email: string | null;
          name: string | null;
          idle_expires_at: string;
          absolute_expires_at: string;
        }[]
      >`select * from identity.session_by_secret(${secretHash})`;
      if (!row) return null;
      const expiresAt = Math.min(Date.parse(row.idle_expires_at), Date.parse(row.absolute_expires_at));
      return { sessionId: row.session_id, userId: row.user_id, email: row.email, name: row.name, expiresAt };
    },
    findApiToken: async (secretHash) => {
      const [row] = await sql<
        {
          token_id: string;
          org_id: string;
          name: string;
          permissions: string[];
          expires_at: string | null;
        }[]
      >`select * from identity.api_token_by_secret(${secretHash})`;
      if (!row) return null;
      return {
        tokenId: row.token_id,
        orgId: row.org_id,
        name: row.name,
        permissions: knownPermissions(row.permissions),
        expiresAt: row.expires_at === null ? null : Date.parse(row.expires_at),
      };
    },
    findOrganisation: async (idOrSlug) => {
      const [row] = await sql<OrganisationRow[]>`select * from identity.organisation_by_name(${idOrSlug})`;
      return row ? toOrganisation(row) : null;
    },
    permissionsOf: async (userId, orgId) => {
      const [row] = await sql<MembershipRow[]>`select * from identity.membership_in(${userId}, ${orgId})`;
      return row ? permissionsOfRole(row) : null;
    },
    organisationsOf: async (userId) => {
      const rows = await sql<OrganisationRow[]>`select * from identity.organisations_of(${userId})`;
      return rows.map(toOrganisation);
    },
  };
}

interface OrganisationRow {
  readonly org_id: string;
  readonly slug: string;
  readonly name: string;
}

function toOrganisation({ org_id, slug, name }: OrganisationRow): FoundOrganisation {
  return { id: org_id, slug, name };
}

/** Of a built-in role, or of one of the organisation's own. */
export function permissionsOfRole({ role, permissions }: MembershipRow): readonly Permission[] {
  if (Object.hasOwn(BUILT_IN_ROLES, role)) return BUILT_IN_ROLES[role as keyof typeof BUILT_IN_ROLES];
  return knownPermissions(permissions ?? []);
}

/** A permission that this version does not know means nothing. */
export function knownPermissions(names: readonly string[]): Permission[] {
  return PERMISSIONS.filter((permission) => names.includes(permission));
}
