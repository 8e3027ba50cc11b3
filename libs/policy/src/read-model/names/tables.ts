import type { MigrationSet } from '@keyfleet/read-store';

/**
 * Who was first to ask for a policy's name; whether that policy still has it, its stream says. Written by commands as
 * `kf_worker`, read by nobody else.
 */
const NAMES = `
  create table policy.name_claims (
    org_id text not null,
    -- Lower case and NFKC: what must be unique.
    name_key text not null,
    policy_id text not null,
    claimed_at timestamptz not null default now(),
    primary key (org_id, name_key)
  );
  alter table policy.name_claims enable row level security;
  alter table policy.name_claims force row level security;
  create policy worker on policy.name_claims for all to kf_worker using (true) with check (true);
  grant select, insert, update, delete on policy.name_claims to kf_worker;
`;

/** After those of `policy`. */
export const policyNamesMigrations: MigrationSet = {
  owner: 'policy-names',
  migrations: [{ name: '0001_names', up: NAMES }],
};
