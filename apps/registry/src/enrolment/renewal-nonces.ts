import type { Sql } from '@keyfleet/postgres';

/** Which signed renewals were used, over all replicas. */
export interface RenewalNonces {
  /** False where this nonce of this agent was used before. */
  claim(agentId: string, nonce: string): Promise<boolean>;
}

export class StoredRenewalNonces implements RenewalNonces {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async claim(agentId: string, nonce: string): Promise<boolean> {
    const rows = await this.#sql`
      insert into registry.renewal_nonces (agent_id, nonce) values (${agentId}, ${nonce})
      on conflict do nothing returning 1 as claimed`;
    return rows.length === 1;
  }

  /** Those used before `before` (RFC 3339): by then their renewals are too old to be taken. */
  async forget(before: string): Promise<void> {
    await this.#sql`delete from registry.renewal_nonces where used_at < ${before}`;
  }
}
