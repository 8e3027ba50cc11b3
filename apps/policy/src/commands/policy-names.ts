import { type HandlerParts, load } from '@keyfleet/command-handling';
import { KeyfleetError } from '@keyfleet/kernel';
import { policy, policyStream } from '@keyfleet/policy/domain';
import type { Sql } from '@keyfleet/postgres';

/** A name of a policy is one policy's within its organisation. */
export interface PolicyNames {
  /** Throws `policy.name-taken` where another policy has it. */
  claim(claim: NameClaim): Promise<void>;
}

export interface NameClaim {
  readonly orgId: string;
  readonly policyId: string;
  readonly name: string;
}

/** So long a claim holds of which no fact tells yet: its command may still be under way. */
const UNDER_WAY_SECONDS = 30;

/**
 * A row says who asked first; whether that policy still has the name says its stream, so nothing has to be given back
 * when a policy is renamed or retired, or a command dies between the claim and its fact.
 */
export class ClaimedPolicyNames implements PolicyNames {
  readonly #sql: Sql;
  readonly #store: HandlerParts['store'];

  /** A connection as `kf_worker`. */
  constructor({ sql, store }: { readonly sql: Sql; readonly store: HandlerParts['store'] }) {
    this.#sql = sql;
    this.#store = store;
  }

  async claim({ orgId, policyId, name }: NameClaim): Promise<void> {
    const key = nameKey(name);
    // Whoever renews a claim of their own is under way again.
    await this.#sql`
      insert into policy.name_claims as c (org_id, name_key, policy_id) values (${orgId}, ${key}, ${policyId})
      on conflict (org_id, name_key) do update set claimed_at = now() where c.policy_id = ${policyId}`;
    // A statement of its own: what another one claimed meanwhile shows only now.
    const [row] = await this.#sql<{ policy_id: string; fresh: boolean }[]>`
      select policy_id, claimed_at > now() - ${UNDER_WAY_SECONDS} * interval '1 second' as fresh
      from policy.name_claims where org_id = ${orgId} and name_key = ${key}`;
    if (row?.policy_id === policyId) return;
    const free = row && !row.fresh && !(await this.#has(row.policy_id, key));
    if (!free || !(await this.#takeOver(row.policy_id, { orgId, policyId, key })))
      throw new KeyfleetError('policy.name-taken');
  }

  async #has(policyId: string, key: string): Promise<boolean> {
    const { state } = await load(this.#store, policy, policyStream(policyId));
    return state.status === 'live' && nameKey(state.name) === key;
  }

  /** From the policy it was looked at, and from no other. */
  async #takeOver(
    from: string,
    { orgId, policyId, key }: { readonly orgId: string; readonly policyId: string; readonly key: string },
  ): Promise<boolean> {
    const { count } = await this.#sql`
      update policy.name_claims set policy_id = ${policyId}, claimed_at = now()
      where org_id = ${orgId} and name_key = ${key} and policy_id = ${from}
        and claimed_at <= now() - ${UNDER_WAY_SECONDS} * interval '1 second'`;
    return count === 1;
  }
}

/** What may be confused counts as the same. */
function nameKey(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase();
}
