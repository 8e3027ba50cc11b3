import { setTimeout as delay } from 'node:timers/promises';
import { type Handled, type HandlerParts, handle } from '@keyfleet/command-handling';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import type { RecordedEvent } from '@keyfleet/event-store';
import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { type Agent, agent, agentStream } from '@keyfleet/registry/domain';
import type { AgentCredentials } from './agent-authority.js';

export interface IssuedRenewal {
  readonly orgId: string;
  readonly agentId: string;
  readonly issued: Pick<AgentCredentials, 'serial' | 'expiresAt'>;
  readonly by: 'nats' | 'https';
  readonly meta: Omit<CommandMeta, 'orgId'>;
  /** The agent's stream as it was when it was decided to issue them. */
  readonly events: readonly RecordedEvent[];
}

const HOUR_MS = 3_600_000;
/** An agent renews at half of the life of its credentials; one that a broker refuses all the same, up to a dozen times an hour. */
const MOST = 30;
/** Rather asked again than waited for: a place may be free sooner where two use one identity and one stops. */
const AGAIN_AT_MOST_MS = 60_000;
const ATTEMPTS = 5;

/**
 * So many renewals of one agent within the life of its credentials, or within an hour where they live longer. The life
 * is that of the newest, by the clock of the store, which then cancels out. Throws `rate.limited`.
 */
export function refuseTooMany(events: readonly RecordedEvent[], now: number): void {
  const renewals = events.filter(({ type }) => type === 'AgentCertificateRenewed');
  const [newest, first] = [renewals.at(-1), renewals.at(-MOST)];
  if (!newest || !first) return;
  const { expiresAt } = newest.data as { readonly expiresAt: string };
  const life = Date.parse(expiresAt) - Date.parse(newest.recordedAt);
  const freeIn = Date.parse(first.recordedAt) + Math.min(life, HOUR_MS) - now;
  if (freeIn > 0)
    throw new KeyfleetError('rate.limited', { retryAfterMs: Math.ceil(Math.min(freeIn, AGAIN_AT_MOST_MS)) });
}

/**
 * Writes a renewal down, only at the revision it was counted at: so the limit holds over all replicas. What was issued
 * may be handed out afterwards and not where this throws: `rate.limited`, `agent.revoked`, `revision.conflict`.
 */
export async function recordRenewal(parts: HandlerParts, renewal: IssuedRenewal): Promise<Handled<Agent>> {
  const { orgId, agentId, issued, by, meta } = renewal;
  const stream = agentStream(agentId);
  const { serial, expiresAt } = issued;
  let { events } = renewal;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    refuseTooMany(events, parts.clock.now());
    const ifMatch = String(events.at(-1)?.revision ?? -1n);
    const handled = await handle(parts, {
      decider: agent,
      stream,
      command: { type: 'RenewCertificate', serial, expiresAt, by },
      orgId,
      meta: { ...meta, ifMatch },
    }).catch(isRaced);
    if (handled) return handled;
    await delay(Math.random() * 5 * attempt);
    events = await parts.store.readStream(stream);
  }
  throw new KeyfleetError('revision.conflict', { retryAfterMs: 100 });
}

function isRaced(error: unknown): undefined {
  if (!isKeyfleetError(error, 'revision.mismatch')) throw error;
}
