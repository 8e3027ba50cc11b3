import { MAX_AGENT_CERTIFICATE_MS } from '@keyfleet/crypto';
import type { Revocations } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import type { Executor, Sql } from '@keyfleet/postgres';

/** Clocks of broker, database and registries may differ by this much. */
const MARGIN_MS = 10 * 60_000;
/** Everything an agent ever held is dead this long after it was issued. */
export const LIFE_MS = MAX_AGENT_CERTIFICATE_MS + MARGIN_MS;

const NKEY = /^U[A-Z2-7]{55}$/;

/** Who may not come back. Rows are never taken away; the broker's claims name those whose JWTs could still be alive. */
export class RevocationTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Times in milliseconds. The same again moves the end later, never earlier. */
  async add(entry: {
    readonly agentId: string;
    readonly nkey: string;
    readonly now: number;
    readonly jwtExpiresAt: number;
  }): Promise<void> {
    // A renewal may be under way in another registry: what it hands out lives a full life from now.
    const until = Math.max(entry.jwtExpiresAt, entry.now) + LIFE_MS;
    await this.#sql`
      insert into registry.revocations (nkey, agent_id, revoked_at, jwt_expires_at)
      values (${entry.nkey}, ${entry.agentId}, ${iso(entry.now)}, ${iso(until)})
      on conflict (nkey) do update set
        agent_id = excluded.agent_id,
        jwt_expires_at = greatest(revocations.jwt_expires_at, excluded.jwt_expires_at)`;
  }

  async hasKey(nkey: string): Promise<boolean> {
    const rows = await this.#sql`select 1 from registry.revocations where nkey = ${nkey}`;
    return rows.length > 0;
  }

  async hasAgent(agentId: string): Promise<boolean> {
    const rows = await this.#sql`select 1 from registry.revocations where agent_id = ${agentId}`;
    return rows.length > 0;
  }
}

/** What the broker's claims must name: every key with a JWT that could be alive, as seconds up to which its JWTs are void. */
export async function aliveRevocations(tx: Executor, now: number): Promise<Revocations> {
  const rows = await tx<{ nkey: string; until: number }[]>`
    select nkey, ceil(extract(epoch from jwt_expires_at))::float8 as until
    from registry.revocations where jwt_expires_at > ${iso(now)} order by nkey`;
  return Object.fromEntries(rows.map(({ nkey, until }) => [nkey, until]));
}

/**
 * Keeps what a broker knows and the table does not: the table was restored from a backup, or somebody pushed by hand.
 * Says how many there were.
 */
export async function takeOver(tx: Executor, found: Revocations, now: number): Promise<number> {
  const rows = Object.entries(found)
    .map(([nkey, seconds]) => ({ nkey, until: lastBreath(seconds * 1_000, now) }))
    .filter(({ nkey, until }) => until > now && (NKEY.test(nkey) || nkey === '*'))
    .map(({ nkey, until }) => ({
      nkey,
      agent_id: nkey === '*' ? null : deriveId('agt', nkey),
      revoked_at: iso(now),
      jwt_expires_at: iso(until),
    }));
  if (rows.length === 0) return 0;
  const inserted = await tx`
    insert into registry.revocations ${tx(rows)} on conflict (nkey) do nothing returning nkey`;
  return inserted.length;
}

/** The latest moment a JWT can be alive that is void by "issued up to `voidUpTo`". */
function lastBreath(voidUpTo: number, now: number): number {
  return Math.max(voidUpTo, Math.min(voidUpTo, now) + LIFE_MS);
}

const iso = (millis: number) => new Date(millis).toISOString();
