import { ConcurrencyLimit, parseEnrolmentToken, sameHash } from '@keyfleet/auth';
import {
  type Access,
  answer,
  type Handled,
  type HandlerParts,
  handle,
  load,
} from '@keyfleet/command-handling';
import { labels as labelsSchema } from '@keyfleet/contracts';
import type { AgentIdentity } from '@keyfleet/contracts/http';
import type { CommandMeta, enrolAgent } from '@keyfleet/contracts/messages';
import { KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import type { CommandAnswer } from '@keyfleet/messaging';
import { deriveId } from '@keyfleet/platform';
import {
  type Agent,
  agent,
  agentStream,
  enrolmentToken,
  enrolmentTokenStream,
} from '@keyfleet/registry/domain';
import type { z } from 'zod';
import { may } from '../identity/may.js';
import type { AgentAuthority, AgentCredentials } from './agent-authority.js';
import type { EnrolmentSecrets } from './enrolment-secrets.js';
import { type IdentityParts, identityOf } from './identity-answer.js';
import { recordRenewal, refuseTooMany } from './recorded-renewal.js';

type EnrolRequest = z.output<typeof enrolAgent.request>;

export interface EnrolmentParts extends HandlerParts, IdentityParts {
  readonly authority: Pick<AgentAuthority, 'issueAgentIdentity' | 'pins'>;
  readonly secrets: EnrolmentSecrets;
  /** Whether whoever issued a token still may. */
  readonly access: Pick<Access, 'require'>;
  /** Whether the organisation exists and is not suspended. */
  readonly isActive: (orgId: string) => Promise<boolean>;
  /** Enrolments at once in this process; 8 by default. */
  readonly concurrency?: number;
}

/** As many again as a replica can do in about two seconds. */
const WAITING_PER_PLACE = 16;
/** Losing a race for a token of many uses is normal: each round lets at least one through. */
const ATTEMPTS = 50;

/** A token that may be used now, and whose it is. */
interface GoodToken {
  readonly orgId: string;
  readonly tokenId: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes an agent of a token, a key and a certificate request. The agent's id is derived from its key, so the stream
 * itself keeps a key from belonging to two agents, and a request whose answer was lost finds its agent again.
 */
export class Enrolment {
  readonly #parts: EnrolmentParts;
  readonly #limit: ConcurrencyLimit;

  constructor(parts: EnrolmentParts) {
    this.#parts = parts;
    const running = parts.concurrency ?? 8;
    this.#limit = new ConcurrencyLimit({ running, waiting: running * WAITING_PER_PLACE, refuse: busy });
  }

  enrol(request: EnrolRequest, meta: CommandMeta): Promise<CommandAnswer<AgentIdentity>> {
    return this.#limit.run(() => this.#enrol(request, meta));
  }

  async #enrol(request: EnrolRequest, meta: CommandMeta): Promise<CommandAnswer<AgentIdentity>> {
    const agentId = deriveId('agt', request.nkey);
    const token = await this.#findToken(request.token, agentId);
    const labels = labelsOf(request, token);
    const known = await load(this.#parts.store, agent, agentStream(agentId));
    refuseForeignKey(known.state, request.nkey, token);
    refuseTooMany(known.events, this.#parts.clock.now());
    // Before anything is written: a request for a bad certificate must not cost a use of the token.
    const { orgId, tokenId } = token;
    const { nkey, csr } = request;
    const issued = await this.#parts.authority.issueAgentIdentity({ orgId, agentId, nkey, csr });
    const asAgent = { ...meta, actor: agentId };
    await handle(this.#parts, {
      decider: enrolmentToken,
      stream: enrolmentTokenStream(tokenId),
      command: { type: 'UseEnrolmentToken', agentId, now: this.#now() },
      orgId,
      meta: asAgent,
      attempts: ATTEMPTS,
    });
    const registered = await this.#register({ request, token, labels, issued, agentId, meta: asAgent });
    // Registered before with this token and key: its answer was lost, and it gets another certificate.
    const { events } = known;
    const handled =
      registered.events.length > 0
        ? registered
        : await recordRenewal(this.#parts, { orgId, agentId, issued, by: 'https', meta: asAgent, events });
    return answer(await identityOf(this.#parts, { orgId, state: handled.state, issued }), handled);
  }

  /** Unknown, foreign, used up, expired, revoked and of somebody who may no longer issue one are one answer. */
  async #findToken(text: string, agentId: string): Promise<GoodToken> {
    const invalid = new KeyfleetError('enrolment.token-invalid');
    const secret = parseEnrolmentToken(text);
    if (!secret || !(await this.#parts.authority.pins()).includes(secret.pin)) throw invalid;
    const tokenId = await this.#parts.secrets.tokenOf(secret.hash);
    if (tokenId === null) throw invalid;
    const stream = enrolmentTokenStream(tokenId);
    const { state, orgId, events } = await load(this.#parts.store, enrolmentToken, stream);
    if (state.status !== 'issued' || !orgId || !sameHash(state.secretHash, secret.hash)) throw invalid;
    enrolmentToken.decide({ type: 'UseEnrolmentToken', agentId, now: this.#now() }, state);
    const issuer = { actor: events[0]?.metadata.actor ?? '', orgId };
    if (!(await this.#parts.isActive(orgId))) throw invalid;
    if (!(await may(this.#parts.access, issuer, 'enrolment:write'))) throw invalid;
    return { orgId, tokenId, labels: state.labels };
  }

  #register(enrolling: {
    readonly request: EnrolRequest;
    readonly token: GoodToken;
    readonly labels: Readonly<Record<string, string>>;
    readonly issued: AgentCredentials;
    readonly agentId: string;
    readonly meta: CommandMeta;
  }): Promise<Handled<Agent>> {
    const { request, token, labels, issued, agentId, meta } = enrolling;
    return handle(this.#parts, {
      decider: agent,
      stream: agentStream(agentId),
      command: {
        type: 'EnrolAgent',
        agentId,
        name: request.name,
        nkey: request.nkey,
        labels,
        version: request.agentVersion,
        tokenId: token.tokenId,
        serial: issued.serial,
        certificateExpiresAt: issued.expiresAt,
      },
      orgId: token.orgId,
      meta,
    });
  }

  #now(): string {
    return toTimestamp(this.#parts.clock.now());
  }
}

function busy(): KeyfleetError {
  // Spread, so that those who were refused together do not come back together.
  return new KeyfleetError('enrolment.busy', { retryAfterMs: 1_000 + Math.floor(Math.random() * 4_000) });
}

function refuseForeignKey(state: Agent, nkey: string, token: GoodToken): void {
  if (state.status === 'unknown') return;
  if (state.nkey !== nkey || state.tokenId !== token.tokenId) throw new KeyfleetError('enrolment.key-taken');
  if (state.status === 'revoked') throw new KeyfleetError('agent.revoked');
}

/** What the token says wins: it was written by somebody who may. */
function labelsOf(request: EnrolRequest, token: GoodToken): Readonly<Record<string, string>> {
  const merged = labelsSchema.safeParse({ ...request.labels, ...token.labels });
  if (merged.success) return merged.data;
  throw new KeyfleetError('request.invalid', {
    errors: [{ pointer: '/labels', message: 'with those of the token there are more than 32' }],
  });
}
