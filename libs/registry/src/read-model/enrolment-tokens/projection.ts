import type {
  EnrolmentTokenIssued,
  EnrolmentTokenRevoked,
  EnrolmentTokenUsed,
  EventOf,
} from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import { orgTable, type Projection, type ProjectionContext } from '@keyfleet/read-store';

export interface EnrolmentTokenTables {
  'registry.enrolment_tokens': {
    org_id: string;
    token_id: string;
    uses: number;
    used: number;
    labels: Record<string, string>;
    expires_at: string;
    issued_at: string;
    issued_by: string;
    revoked_at: string | null;
    revision: bigint;
  };
}

const TOKENS = 'registry.enrolment_tokens';

type Fact = RecordedEvent &
  EventOf<typeof EnrolmentTokenIssued | typeof EnrolmentTokenUsed | typeof EnrolmentTokenRevoked>;

/** Enrolment tokens with how often they were used; nothing by which one could be recognised. */
export const enrolmentTokensProjection: Projection = {
  name: 'registry.enrolment-tokens',
  version: 1,
  filter: { categories: ['enrolment'] },
  tables: [
    {
      name: TOKENS,
      create: (table) => `
        create table ${table} (
          org_id text not null,
          token_id text not null unique,
          uses int not null,
          used int not null default 0,
          labels jsonb not null,
          expires_at timestamptz not null,
          issued_at timestamptz not null,
          issued_by text not null,
          revoked_at timestamptz,
          revision bigint not null,
          primary key (org_id, token_id)
        );
        create index on ${table} (org_id, issued_at, token_id);
        ${orgTable(table)}`,
    },
  ],
  apply: async (events, context) => {
    for (const event of events as readonly Fact[]) await applyOne(event, context);
    return (events as readonly Fact[]).map(({ data, metadata }) => ({
      orgId: metadata.orgId,
      ids: [data.tokenId],
    }));
  },
};

async function applyOne(
  { type, data, metadata, revision }: Fact,
  { tx, table }: ProjectionContext,
): Promise<void> {
  const tokens = tx(table(TOKENS));
  const older = tx`token_id = ${data.tokenId} and revision < ${revision}`;
  if (type === 'EnrolmentTokenIssued')
    await tx`
      insert into ${tokens} (org_id, token_id, uses, labels, expires_at, issued_at, issued_by, revision)
      values (${metadata.orgId}, ${data.tokenId}, ${data.uses}, ${JSON.stringify(data.labels)}::text::jsonb,
        ${data.expiresAt}, ${metadata.at}, ${metadata.actor}, ${revision})
      on conflict (token_id) do nothing`;
  else if (type === 'EnrolmentTokenUsed')
    await tx`update ${tokens} set used = used + 1, revision = ${revision} where ${older}`;
  else await tx`update ${tokens} set revoked_at = ${metadata.at}, revision = ${revision} where ${older}`;
}
