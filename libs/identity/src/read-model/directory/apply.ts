import type { IdentityEvent } from '@keyfleet/contracts/events';
import type { RecordedEvent } from '@keyfleet/event-store';
import type { Change, ProjectionContext } from '@keyfleet/read-store';

type Fact = RecordedEvent & IdentityEvent;
type FactOf<Type extends IdentityEvent['type']> = RecordedEvent & Extract<IdentityEvent, { type: Type }>;
type Writer<F> = (context: ProjectionContext, fact: F) => Promise<unknown>;
type Writers = { readonly [Type in IdentityEvent['type']]?: Writer<FactOf<Type>> };

/**
 * Writes facts into the directory. Older facts never overwrite newer ones and the same ones again change nothing, so
 * the command that made them and the projection may both write them, in whichever order.
 */
export async function applyToDirectory(
  events: readonly RecordedEvent[],
  context: ProjectionContext,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const event of events as readonly Fact[]) {
    const write = WRITERS[event.type] as Writer<Fact> | undefined;
    if (!write) continue;
    await write(context, event);
    const id = event.stream.slice(event.stream.indexOf('-') + 1);
    changes.push({ orgId: event.metadata.orgId, ids: [id] });
  }
  return changes;
}

const WRITERS: Writers = {
  OrganisationCreated: ({ tx, table }, { data, revision, metadata }) => tx`
    insert into ${tx(table('identity.organisations'))} (org_id, slug, name, status, created_at, revision)
    values (${data.orgId}, ${data.slug}, ${data.name}, 'active', ${metadata.at}, ${revision})
    on conflict (org_id) do nothing`,

  OrganisationSuspended: ({ tx, table }, { data, revision }) => tx`
    update ${tx(table('identity.organisations'))} set status = 'suspended', revision = ${revision}
    where org_id = ${data.orgId} and revision < ${revision}`,

  MembershipGranted: (context, { data, revision }) => writeMembership(context, { ...data, revision }),
  MembershipRevoked: (context, { data, revision }) =>
    writeMembership(context, { ...data, role: null, revision }),

  RoleDefined: ({ tx, table }, { data, revision }) => tx`
    insert into ${tx(table('identity.roles'))} as r (org_id, role, permissions, revision)
    values (${data.orgId}, ${data.role}, ${data.permissions}, ${revision})
    on conflict (org_id, role) do update set permissions = excluded.permissions, revision = excluded.revision
    where r.revision < excluded.revision`,

  UserInvited: (context, fact) => writeUser(context, fact, 'invited'),
  UserActivated: (context, fact) => writeUser(context, fact, 'active'),

  UserDisabled: async (context, fact) => {
    const { tx, table } = context;
    await writeUser(context, fact, 'disabled');
    await tx`
      update ${tx(table('identity.users'))}
      set sessions_after = greatest(sessions_after, ${fact.metadata.at}::timestamptz)
      where user_id = ${fact.data.userId}`;
  },

  ApiTokenIssued: async ({ tx, table }, { data, revision, metadata }) => {
    await tx`
      insert into ${tx(table('identity.api_tokens'))}
        (token_id, org_id, name, permissions, issued_by, issued_at, expires_at, revision)
      values (${data.tokenId}, ${data.orgId}, ${data.name}, ${data.permissions},
        ${metadata.actor}, ${metadata.at}, ${data.expiresAt}, ${revision})
      on conflict (token_id) do nothing`;
    await tx`
      insert into ${tx(table('identity.api_token_secrets'))} (secret_hash, token_id)
      values (${data.secretHash}, ${data.tokenId}) on conflict (secret_hash) do nothing`;
  },

  ApiTokenRevoked: ({ tx, table }, { data, revision, metadata }) => tx`
    update ${tx(table('identity.api_tokens'))} set revoked_at = ${metadata.at}, revision = ${revision}
    where token_id = ${data.tokenId} and revision < ${revision}`,
};

interface Membership {
  readonly orgId: string;
  readonly userId: string;
  readonly role: string | null;
  readonly revision: bigint;
}

function writeMembership(
  { tx, table }: ProjectionContext,
  { orgId, userId, role, revision }: Membership,
): Promise<unknown> {
  return tx`
    insert into ${tx(table('identity.memberships'))} as m (org_id, user_id, role, revision)
    values (${orgId}, ${userId}, ${role}, ${revision})
    on conflict (org_id, user_id) do update set role = excluded.role, revision = excluded.revision
    where m.revision < excluded.revision`;
}

function writeUser(
  { tx, table }: ProjectionContext,
  { data, revision, metadata }: FactOf<'UserInvited' | 'UserActivated' | 'UserDisabled'>,
  status: 'invited' | 'active' | 'disabled',
): Promise<unknown> {
  return tx`
    insert into ${tx(table('identity.users'))} as u (user_id, home_org_id, status, revision)
    values (${data.userId}, ${metadata.orgId}, ${status}, ${revision})
    on conflict (user_id) do update set status = excluded.status, revision = excluded.revision
    where u.revision < excluded.revision`;
}
