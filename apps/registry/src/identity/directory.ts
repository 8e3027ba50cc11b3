import type { AccessDirectory } from '@keyfleet/command-handling';
import type { Permission } from '@keyfleet/contracts';
import type { RecordedEvent } from '@keyfleet/event-store';
import {
  applyToDirectory,
  authQueries,
  directoryProjection,
  type FoundOrganisation,
  memberDirectory,
} from '@keyfleet/identity/read-model';
import type { Clock } from '@keyfleet/kernel';
import { type Sql, transaction } from '@keyfleet/postgres';
import { announceChanges } from '@keyfleet/read-store';

/** Organisations, members and tokens as this service knows them; over a connection as `kf_identity`. */
export class Directory implements AccessDirectory {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor(options: { readonly sql: Sql; readonly clock: Clock }) {
    this.#sql = options.sql;
    this.#clock = options.clock;
  }

  /**
   * Writes down what a command just made happen, so that it holds when the caller hears of it. The projection does the
   * same again, and for commands that died before they got here.
   */
  async apply(events: readonly RecordedEvent[]): Promise<void> {
    if (events.length === 0) return;
    await transaction(this.#sql, async (tx) => {
      // The names without a version are views of the one that is read.
      const changes = await applyToDirectory(events, { tx, table: (name) => name });
      await announceChanges(tx, directoryProjection.name, changes, null);
    });
  }

  permissionsOf(userId: string, orgId: string): Promise<readonly Permission[] | null> {
    return authQueries(this.#sql).permissionsOf(userId, orgId);
  }

  permissionsOfToken(tokenId: string, orgId: string): Promise<readonly Permission[] | null> {
    return memberDirectory(this.#sql, this.#clock).permissionsOfToken(tokenId, orgId);
  }

  findOrganisation(idOrSlug: string): Promise<FoundOrganisation | null> {
    return authQueries(this.#sql).findOrganisation(idOrSlug);
  }

  async isActive(orgId: string): Promise<boolean> {
    const [row] = await this.#sql<{ status: string }[]>`
      select status from identity.organisations where org_id = ${orgId}`;
    return row?.status === 'active';
  }

  /** Everywhere the user is a member, whatever the state of the organisation. */
  async organisationsOf(userId: string): Promise<readonly string[]> {
    const rows = await this.#sql<{ org_id: string }[]>`
      select org_id from identity.memberships where user_id = ${userId} and role is not null order by org_id`;
    return rows.map((row) => row.org_id);
  }

  /**
   * Tokens not revoked that this user or token issued, or a token of theirs did, over however many hands: one that was
   * revoked on the way hides none behind it.
   */
  async tokensIssuedBy(issuer: string): Promise<readonly { tokenId: string; orgId: string }[]> {
    const rows = await this.#sql<{ token_id: string; org_id: string }[]>`
      with recursive issued as (
        select token_id, org_id, revoked_at from identity.api_tokens where issued_by = ${issuer}
        union
        select t.token_id, t.org_id, t.revoked_at from identity.api_tokens t
        join issued i on t.issued_by = i.token_id
      ) select token_id, org_id from issued where revoked_at is null`;
    return rows.map((row) => ({ tokenId: row.token_id, orgId: row.org_id }));
  }

  /** When this actor's rights run out by themselves, in milliseconds since the epoch; `null` where they do not. */
  async expiryOf(actor: string): Promise<number | null> {
    const [row] = await this.#sql<{ expires_at: string | null }[]>`
      select expires_at from identity.api_tokens where token_id = ${actor}`;
    return row?.expires_at ? Date.parse(row.expires_at) : null;
  }

  /** Whoever asks for a slug first has it: the id of the organisation that may use it. */
  async claimSlug(slug: string, orgId: string): Promise<string> {
    await this.#sql`
      insert into identity.slug_claims (slug, org_id) values (${slug}, ${orgId}) on conflict (slug) do nothing`;
    // A statement of its own: what another one claimed meanwhile shows only now.
    const [row] = await this.#sql<{ org_id: string }[]>`
      select org_id from identity.slug_claims where slug = ${slug}`;
    return (row as { org_id: string }).org_id;
  }
}
