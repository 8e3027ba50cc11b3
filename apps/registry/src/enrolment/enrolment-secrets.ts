import type { Sql } from '@keyfleet/postgres';

/**
 * Which token a secret belongs to. Written before the token's first event, so that a token that exists can be found; a
 * row whose token has another secret lost a race and means nothing.
 */
export interface EnrolmentSecrets {
  remember(secretHash: string, tokenId: string, expiresAt: string): Promise<void>;
  tokenOf(secretHash: string): Promise<string | null>;
}

export class StoredEnrolmentSecrets implements EnrolmentSecrets {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async remember(secretHash: string, tokenId: string, expiresAt: string): Promise<void> {
    await this.#sql`
      insert into registry.enrolment_secrets (secret_hash, token_id, expires_at)
      values (${secretHash}, ${tokenId}, ${expiresAt})`;
  }

  async tokenOf(secretHash: string): Promise<string | null> {
    const [row] = await this.#sql<{ token_id: string }[]>`
      select token_id from registry.enrolment_secrets where secret_hash = ${secretHash}`;
    return row?.token_id ?? null;
  }

  /** Those of tokens that ended before `before` (RFC 3339). */
  async forget(before: string): Promise<void> {
    await this.#sql`delete from registry.enrolment_secrets where expires_at < ${before}`;
  }
}
