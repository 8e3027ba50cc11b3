import { ConcurrencyLimit } from '@keyfleet/auth';
import { answer, type HandlerParts, load } from '@keyfleet/command-handling';
import { renewSigningInput } from '@keyfleet/contracts';
import type { AgentIdentity, RenewRequest } from '@keyfleet/contracts/http';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { verifyNkeySignature } from '@keyfleet/crypto';
import type { EventStore } from '@keyfleet/event-store';
import { KeyfleetError } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { agent, agentStream } from '@keyfleet/registry/domain';
import type { AgentAuthority } from './agent-authority.js';
import { type IdentityParts, identityOf } from './identity-answer.js';
import type { Readoption } from './readoption.js';
import { recordRenewal, refuseTooMany } from './recorded-renewal.js';
import type { RenewalNonces } from './renewal-nonces.js';

export interface RenewalParts extends HandlerParts, IdentityParts {
  readonly authority: Pick<AgentAuthority, 'issueAgentIdentity'>;
  readonly nonces: Pick<RenewalNonces, 'claim'>;
  readonly store: Pick<EventStore, 'readStream' | 'append' | 'streamRevision'>;
  readonly readoption: Pick<Readoption, 'readopt'>;
  /** Renewals at once in this process; 8 by default. */
  readonly concurrency?: number;
}

/** Clocks of machines that were off for weeks may be a day wrong; within this a nonce keeps a renewal from being replayed. */
export const RENEWAL_WINDOW_MS = 48 * 3_600_000;
const WAITING_PER_PLACE = 64;

interface Renewing {
  readonly agentId: string;
  readonly csr: string;
  readonly by: 'nats' | 'https';
  readonly meta: CommandMeta;
  /** Whether the caller proved to be this agent; to anyone else it does not exist. */
  readonly isCaller: (known: { readonly orgId: string; readonly nkey: string }) => boolean;
  /** Present where the request itself could be sent again by somebody who saw it. */
  readonly nonce?: string;
}

/**
 * Another certificate for an agent that is known, or was before a restore, also when its last one ended weeks ago; never
 * after revocation, and `rate.limited` for one that asks far more often than its credentials end.
 */
export class Renewal {
  readonly #parts: RenewalParts;
  readonly #limit: ConcurrencyLimit;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
    const running = parts.concurrency ?? 8;
    this.#limit = new ConcurrencyLimit({ running, waiting: running * WAITING_PER_PLACE, refuse: busy });
  }

  /** Over HTTPS: the signature of the enrolled key is the credential. */
  async renewSigned(request: RenewRequest, meta: CommandMeta): Promise<CommandAnswer<AgentIdentity>> {
    if (!isSigned(request)) throw new KeyfleetError('agent.signature-invalid');
    const skew = Math.abs(this.#parts.clock.now() - Date.parse(request.at));
    if (!(skew <= RENEWAL_WINDOW_MS)) throw new KeyfleetError('agent.renewal-stale');
    const { agentId, csr, nonce } = request;
    const isCaller = (known: { readonly nkey: string }) => known.nkey === request.nkey;
    return this.#limit.run(async () => {
      const known = (await this.#parts.store.streamRevision(agentStream(agentId))) !== null;
      if (!known && request.enrolment) return this.#readopt(request, meta);
      return this.#renew({ agentId, csr, by: 'https', meta, isCaller, nonce });
    });
  }

  async #readopt(request: RenewRequest, meta: CommandMeta): Promise<CommandAnswer<AgentIdentity>> {
    if (!(await this.#parts.nonces.claim(request.agentId, request.nonce)))
      throw new KeyfleetError('agent.renewal-stale');
    const { orgId, issued, handled } = await this.#parts.readoption.readopt(request, meta);
    return answer(await identityOf(this.#parts, { orgId, state: handled.state, issued }), handled);
  }

  /** Over NATS: the broker vouches for organisation and agent of the subject. */
  renewConnected(
    request: { readonly agentId: string; readonly csr: string },
    orgId: string,
    meta: CommandMeta,
  ): Promise<CommandAnswer<AgentIdentity>> {
    const isCaller = (known: { readonly orgId: string }) => known.orgId === orgId;
    return this.#limit.run(() => this.#renew({ ...request, by: 'nats', meta, isCaller }));
  }

  async #renew(renewing: Renewing): Promise<CommandAnswer<AgentIdentity>> {
    const { agentId, csr, by, isCaller, nonce } = renewing;
    const { state, orgId, events } = await load(this.#parts.store, agent, agentStream(agentId));
    if (state.status === 'unknown' || orgId === null) throw new KeyfleetError('agent.unknown');
    const { nkey } = state;
    if (!isCaller({ orgId, nkey })) throw new KeyfleetError('agent.unknown');
    if (state.status === 'revoked') throw new KeyfleetError('agent.revoked');
    refuseTooMany(events, this.#parts.clock.now());
    if (nonce !== undefined && !(await this.#parts.nonces.claim(agentId, nonce)))
      throw new KeyfleetError('agent.renewal-stale');
    const issued = await this.#parts.authority.issueAgentIdentity({ orgId, agentId, csr, nkey });
    // Revoked meanwhile, this refuses, and what was issued is never handed out.
    const meta = { ...renewing.meta, actor: agentId };
    const handled = await recordRenewal(this.#parts, { orgId, agentId, issued, by, meta, events });
    return answer(await identityOf(this.#parts, { orgId, state: handled.state, issued }), handled);
  }
}

function isSigned(request: RenewRequest): boolean {
  try {
    return verifyNkeySignature(request.nkey, renewSigningInput(request), request.signature);
  } catch {
    // A key with a wrong checksum.
    return false;
  }
}

function busy(): KeyfleetError {
  return new KeyfleetError('enrolment.busy', { retryAfterMs: 1_000 + Math.floor(Math.random() * 4_000) });
}
