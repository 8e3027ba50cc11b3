/**
 * What no fact may hold: people, in the one table that can be erased, and what changes with every request. Written by
 * the registry alone, as `kf_identity`; no worker and no reader has a way to it.
 */
export const PEOPLE_TABLES = `
  create table identity.people (
    user_id text primary key,
    email text not null,
    -- Lower case and NFKC: what must be unique.
    email_key text not null unique,
    name text not null,
    -- PHC string of argon2id; null for who signs in elsewhere.
    password_hash text,
    created_at timestamptz not null,
    updated_at timestamptz not null
  );
  create table identity.sessions (
    session_id text primary key,
    user_id text not null,
    secret_hash text not null unique,
    method text not null,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    idle_expires_at timestamptz not null,
    absolute_expires_at timestamptz not null,
    network text not null,
    user_agent text
  );
  create index sessions_of_user on identity.sessions (user_id, created_at);
  create index sessions_idle on identity.sessions (idle_expires_at);
  -- Who was first to ask for a slug; the organisation itself is a stream.
  create table identity.slug_claims (
    slug text primary key,
    org_id text not null,
    claimed_at timestamptz not null default now()
  );
  ${['people', 'sessions', 'slug_claims']
    .map(
      (table) => `
      alter table identity.${table} enable row level security;
      alter table identity.${table} force row level security;
      create policy command on identity.${table} for all to kf_identity using (true) with check (true);
      create policy lookups on identity.${table} for select to kf_owner using (true);`,
    )
    .join('')}
`;
