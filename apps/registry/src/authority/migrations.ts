import type { Sql } from 'postgres';

/** Run in order as the owner, after the schema `registry` and the role `kf_worker` exist. */
export const authorityMigrations = [
  {
    name: '0001_revocations',
    up: async (sql: Sql): Promise<void> => {
      await sql.unsafe(REVOCATIONS).simple();
    },
  },
];

/** By key, not by agent: a revocation found on a broker knows nothing else. No organisation's rows: only the registry reads them. */
const REVOCATIONS = `
  create table registry.revocations (
    nkey text primary key check (nkey ~ '^(U[A-Z2-7]{55}|[*])$'),
    agent_id text,
    revoked_at timestamptz not null default now(),
    -- No JWT of this key is alive after this; until then the broker's claims name it.
    jwt_expires_at timestamptz not null
  );
  create index revocations_agent on registry.revocations (agent_id);
  create index revocations_alive on registry.revocations (jwt_expires_at);
  alter table registry.revocations enable row level security;
  alter table registry.revocations force row level security;
  create policy worker on registry.revocations for all to kf_worker using (true) with check (true);
  grant select, insert, update on registry.revocations to kf_worker;
`;
