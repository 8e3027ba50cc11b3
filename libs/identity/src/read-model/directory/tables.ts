import { orgTable, type ProjectionTable } from '@keyfleet/read-store';

const ALL = 'for all to kf_worker using (true) with check (true)';

/** The registry writes these rows by command as well, and the lookups of `auth/` read them as the owner. */
function commandTable(table: string): string {
  return `
    create policy command on ${table} for all to kf_identity using (true) with check (true);
    create policy lookups on ${table} for select to kf_owner using (true);`;
}

/** Rows that no organisation reads as such. */
function closedTable(table: string): string {
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    create policy worker on ${table} ${ALL};
    grant select, insert, update, delete on ${table} to kf_worker;
    ${commandTable(table)}`;
}

/**
 * Who belongs where and may do what. `revision` is that of the row's stream: an older fact never overwrites a newer
 * one, whoever comes first.
 */
export const DIRECTORY_TABLES: readonly ProjectionTable[] = [
  {
    name: 'identity.organisations',
    create: (table) => `
      create table ${table} (
        org_id text primary key,
        slug text not null unique,
        name text not null,
        status text not null check (status in ('active', 'suspended')),
        created_at timestamptz not null,
        revision bigint not null
      );
      ${orgTable(table)} ${commandTable(table)}`,
  },
  {
    name: 'identity.users',
    create: (table) => `
      create table ${table} (
        user_id text primary key,
        -- The organisation whose facts tell of this user.
        home_org_id text not null,
        status text not null check (status in ('invited', 'active', 'disabled')),
        -- Sessions begun before are over, whatever their row says.
        sessions_after timestamptz not null default '-infinity',
        revision bigint not null
      );
      ${closedTable(table)}`,
  },
  {
    name: 'identity.memberships',
    create: (table) => `
      create table ${table} (
        org_id text not null,
        user_id text not null,
        -- Null where the membership was revoked: the row stays, so that the fact that gave it cannot come back.
        role text,
        revision bigint not null,
        primary key (org_id, user_id)
      );
      create index on ${table} (user_id) where role is not null;
      ${orgTable(table)} ${commandTable(table)}`,
  },
  {
    name: 'identity.roles',
    create: (table) => `
      create table ${table} (
        org_id text not null,
        role text not null,
        permissions text[] not null,
        revision bigint not null,
        primary key (org_id, role)
      );
      ${orgTable(table)} ${commandTable(table)}`,
  },
  {
    name: 'identity.api_tokens',
    create: (table) => `
      create table ${table} (
        token_id text primary key,
        org_id text not null,
        name text not null,
        permissions text[] not null,
        issued_by text not null,
        issued_at timestamptz not null,
        expires_at timestamptz,
        revoked_at timestamptz,
        revision bigint not null
      );
      create index on ${table} (org_id, issued_at desc, token_id);
      ${orgTable(table)} ${commandTable(table)}`,
  },
  {
    // Apart from the tokens, so that nobody who lists them has a way to the hashes.
    name: 'identity.api_token_secrets',
    create: (table) => `
      create table ${table} (secret_hash text primary key, token_id text not null unique);
      ${closedTable(table)}`,
  },
];
