import { setTimeout as delay } from 'node:timers/promises';
import { type HandlerParts, handle } from '@keyfleet/command-handling';
import type { Clock } from '@keyfleet/kernel';
import type { Logger } from '@keyfleet/platform';
import { newId } from '@keyfleet/platform';
import { endFrozenSessions, type Sql } from '@keyfleet/postgres';
import { agent, agentStream } from '@keyfleet/registry/domain';
import type { AgentAuthority } from './enrolment/agent-authority.js';
import type { StoredEnrolmentSecrets } from './enrolment/enrolment-secrets.js';
import { RENEWAL_WINDOW_MS } from './enrolment/renewal.js';
import type { StoredRenewalNonces } from './enrolment/renewal-nonces.js';
import type { Sessions } from './identity/sessions.js';

export interface HousekeepingParts extends HandlerParts {
  readonly clock: Clock;
  readonly actor: string;
  /** As kf_worker. */
  readonly sql: Sql;
  readonly sessions: Sessions;
  readonly secrets: StoredEnrolmentSecrets;
  readonly nonces: StoredRenewalNonces;
  readonly authority: Pick<AgentAuthority, 'revoke'>;
}

const HOUR_MS = 3_600_000;
/** A nonce may be used until its own time is this far behind, and that may lie as far ahead. */
const KEEP_NONCES_MS = 2 * RENEWAL_WINDOW_MS + HOUR_MS;
const KEEP_SECRETS_MS = 24 * HOUR_MS;
const REPAIR_EVERY_MS = 30_000;

/** Throws away what is of no use to anybody any more. */
export async function tidy(parts: HousekeepingParts): Promise<void> {
  const now = parts.clock.now();
  await parts.sessions.removeExpired(now);
  await parts.secrets.forget(new Date(now - KEEP_SECRETS_MS).toISOString());
  await parts.nonces.forget(new Date(now - KEEP_NONCES_MS).toISOString());
}

/**
 * Agents whose revocation is a fact and was not carried out, because the process that wrote it down died in between.
 * Answers how many there were.
 */
export async function carryOutRevocations(parts: HousekeepingParts): Promise<number> {
  const now = new Date(parts.clock.now()).toISOString();
  const left = await parts.sql<{ agent_id: string; nkey: string; ends: string }[]>`
    select a.agent_id, a.nkey, a.credentials_end_at as ends from registry.agents a
    where a.revoked_at is not null and a.credentials_end_at > ${now}
      and not exists (select 1 from registry.revocations r where r.nkey = a.nkey)`;
  for (const { agent_id, nkey, ends } of left) await parts.authority.revoke(agent_id, nkey, ends);
  return left.length;
}

/**
 * Agents that a broker knew to be revoked and the store, restored from before, does not: they are kept out already, and
 * here it becomes a fact again. Answers how many there were.
 */
export async function recordRevocations(parts: HousekeepingParts): Promise<number> {
  const lost = await parts.sql<{ agent_id: string; org_id: string }[]>`
    select a.agent_id, a.org_id from registry.agents a
    join registry.revocations r on r.nkey = a.nkey where a.revoked_at is null`;
  for (const { agent_id, org_id } of lost)
    await handle(parts, {
      decider: agent,
      stream: agentStream(agent_id),
      command: { type: 'RevokeAgent' },
      orgId: org_id,
      meta: { commandId: newId('cmd'), actor: parts.actor, correlationId: newId('cmd') },
    });
  return lost.length;
}

/** All of it for as long as the signal allows; every replica does it, and doing it twice does no harm. */
export async function keepHouse(
  parts: HousekeepingParts & { readonly signal: AbortSignal; readonly logger: Pick<Logger, 'warn'> },
): Promise<void> {
  const { signal, logger, clock } = parts;
  let tidied = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      const ended = await endFrozenSessions(parts.sql);
      if (ended > 0) logger.warn({ ended }, 'Database sessions of frozen processes were ended');
      await carryOutRevocations(parts);
      await recordRevocations(parts);
      if (clock.monotonic() - tidied >= HOUR_MS) {
        await tidy(parts);
        tidied = clock.monotonic();
      }
    } catch (err) {
      logger.warn({ err }, 'Housekeeping was interrupted and will be taken up again');
    }
    await delay(REPAIR_EVERY_MS * (0.8 + Math.random() * 0.4), undefined, { signal }).catch(() => undefined);
  }
}
