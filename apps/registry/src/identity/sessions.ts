import { type Executor, type Sql, transaction } from '@keyfleet/postgres';
import { announceChanges } from '@keyfleet/read-store';

export interface SessionLimits {
  /** A session that is not used for so long is over. */
  readonly idleMs: number;
  /** However much it is used. */
  readonly absoluteMs: number;
  /** Of one user at a time; the oldest give way. */
  readonly concurrent: number;
}

export interface NewSession {
  readonly sessionId: string;
  readonly userId: string;
  readonly secretHash: string;
  readonly method: string;
  readonly network: string;
  readonly userAgent: string | undefined;
  /** When the sign-in began, in milliseconds since the epoch. */
  readonly now: number;
}

const iso = (millis: number) => new Date(millis).toISOString();

/** Sessions as rows: they change with every use, and a replica must see the end of one at once. */
export class Sessions {
  readonly #sql: Sql;
  readonly #limits: SessionLimits;

  constructor(options: { readonly sql: Sql; readonly limits: SessionLimits }) {
    this.#sql = options.sql;
    this.#limits = options.limits;
  }

  /** Opens one and ends the oldest beyond the cap; their ids are given back, to be written down. */
  async open(session: NewSession): Promise<{ absoluteExpiresAt: string; ended: readonly string[] }> {
    const { now, userId } = session;
    const absoluteExpiresAt = iso(now + this.#limits.absoluteMs);
    const ended = await transaction(this.#sql, async (tx) => {
      // Sign-ins of one user wait for each other here, else two at once would each see room.
      await tx`select 1 from identity.users where user_id = ${userId} for update`;
      await tx`
        insert into identity.sessions (session_id, user_id, secret_hash, method, created_at, last_used_at,
          idle_expires_at, absolute_expires_at, network, user_agent)
        values (${session.sessionId}, ${userId}, ${session.secretHash}, ${session.method}, ${iso(now)}, ${iso(now)},
          ${iso(now + this.#limits.idleMs)}, ${absoluteExpiresAt}, ${session.network}, ${session.userAgent ?? null})`;
      const rows = await tx<{ session_id: string }[]>`
        delete from identity.sessions where session_id in (
          select session_id from identity.sessions where user_id = ${userId} and session_id <> ${session.sessionId}
          order by created_at desc, session_id desc offset ${this.#limits.concurrent - 1})
        returning session_id`;
      const ids = rows.map((row) => row.session_id);
      if (ids.length > 0) await announce(tx, ids);
      return ids;
    });
    return { absoluteExpiresAt, ended };
  }

  /** False where there was no such session any more. */
  async end(sessionId: string): Promise<boolean> {
    return transaction(this.#sql, async (tx) => {
      const rows = await tx`delete from identity.sessions where session_id = ${sessionId} returning 1`;
      await announce(tx, [sessionId]);
      return rows.length > 0;
    });
  }

  /** With `begunBefore` (milliseconds since the epoch) also those whose sign-in began before and is not through yet. */
  async endAllOf(userId: string, begunBefore?: number): Promise<readonly string[]> {
    return transaction(this.#sql, async (tx) => {
      if (begunBefore !== undefined)
        await tx`
          update identity.users set sessions_after = greatest(sessions_after, ${iso(begunBefore)}::timestamptz)
          where user_id = ${userId}`;
      const rows = await tx<{ session_id: string }[]>`
        delete from identity.sessions where user_id = ${userId} returning session_id`;
      const ids = rows.map((row) => row.session_id);
      if (ids.length > 0) await announce(tx, ids);
      return ids;
    });
  }

  /** Moves the idle limit of a session that is still good; never beyond its absolute one. */
  async touch(sessionId: string, now: number): Promise<void> {
    await this.#sql`
      update identity.sessions set last_used_at = ${iso(now)},
        idle_expires_at = least(${iso(now + this.#limits.idleMs)}::timestamptz, absolute_expires_at)
      where session_id = ${sessionId}
        and idle_expires_at > ${iso(now)} and absolute_expires_at > ${iso(now)}`;
  }

  /** Sessions that ran out are of no use to anybody, and hold an address. */
  async removeExpired(now: number): Promise<number> {
    const rows = await this.#sql`
      delete from identity.sessions where idle_expires_at < ${iso(now)} or absolute_expires_at < ${iso(now)}
      returning 1`;
    return rows.length;
  }
}

/** Gateways drop what they remember of sessions when they hear this, instead of believing it for another second. */
function announce(tx: Executor, ids: readonly string[]): Promise<void> {
  return announceChanges(tx, 'identity.sessions', [{ orgId: null, ids }], null);
}
