import { randomBytes } from 'node:crypto';
import { renewSigningInput } from '@keyfleet/contracts';
import {
  type AgentIdentity,
  agentIdentity,
  type RenewRequest,
  rpcRenewReply,
  type rpcRenewRequest,
} from '@keyfleet/contracts/http';
import { createCertificateRequest } from '@keyfleet/crypto';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import type { z } from 'zod';
import type { Broker } from '../broker.js';
import type { LinkConfig } from '../host.js';
import { type JsonAnswer, postJson, problemCode } from '../http.js';
import { reasonOf } from './enrol.js';
import type { IdentityStore, StoredIdentity } from './store.js';

export type RenewOutcome =
  | { readonly kind: 'renewed'; readonly identity: StoredIdentity }
  | { readonly kind: 'revoked' }
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs?: number };

export interface RenewOptions {
  readonly store: IdentityStore;
  readonly config: Pick<LinkConfig, 'name' | 'agentVersion'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 20_000;

/** Over the connection the agent has; a certificate's key is new each time. */
export async function renewOverBroker(options: RenewOptions, broker: Broker): Promise<RenewOutcome> {
  const identity = options.store.current;
  if (!identity) return { kind: 'later', reason: 'unenrolled' };
  const { csr, privateKey } = await createCertificateRequest();
  const request: z.infer<typeof rpcRenewRequest> = { v: 1, agentId: identity.agentId, csr };
  try {
    const bytes = await broker.request('rpc.renew', JSON.stringify(request), options.timeoutMs ?? TIMEOUT_MS);
    const reply = rpcRenewReply.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    if ('retryAfterMs' in reply) return { kind: 'later', reason: 'busy', retryAfterMs: reply.retryAfterMs };
    if ('code' in reply) return codeOutcome(reply.code);
    return keep(options, identity, { renewed: reply, privateKey });
  } catch (error) {
    return { kind: 'later', reason: reasonOf(error) };
  }
}

/** Signed with the enrolled key: good with an expired certificate, and the only way back after a month. */
export async function renewOverHttps(options: RenewOptions): Promise<RenewOutcome> {
  const identity = options.store.current;
  if (!identity) return { kind: 'later', reason: 'unenrolled' };
  try {
    const { csr, privateKey } = await createCertificateRequest();
    let answer = await post(options, identity, { csr, now: options.clock.now() });
    // Our clock may be wrong by days; the server says what time it is there.
    if (problemCode(answer) === 'agent.renewal-stale' && answer.date !== undefined)
      answer = await post(options, identity, { csr, now: answer.date });
    if (answer.status !== 200) return httpOutcome(answer);
    const parsed = agentIdentity.safeParse(answer.body);
    if (!parsed.success) return { kind: 'later', reason: 'answer-not-understood' };
    return keep(options, identity, { renewed: parsed.data, privateKey });
  } catch (error) {
    return { kind: 'later', reason: reasonOf(error) };
  }
}

function post(
  { store, config, signal, timeoutMs }: RenewOptions,
  identity: StoredIdentity,
  { csr, now }: { csr: string; now: number },
): Promise<JsonAnswer> {
  const { key } = store;
  const { agentId, gatewayCa, trustBundle } = identity;
  const nonce = randomBytes(24).toString('base64url');
  const unsigned = { agentId, csr, nkey: key.nkey, at: toTimestamp(now), nonce };
  const { name, agentVersion } = config;
  // For a control plane that was restored and does not know us any more; any other looks at none of it.
  const enrolment = { jwt: identity.jwt, name, agentVersion };
  const body: RenewRequest = { ...unsigned, signature: key.sign(renewSigningInput(unsigned)), enrolment };
  const url = new URL('/api/v1/renew', identity.controlPlaneUrl);
  const authorities = [...(gatewayCa ? [gatewayCa] : []), ...trustBundle];
  return postJson({ url, body, authorities, timeoutMs: timeoutMs ?? TIMEOUT_MS, signal });
}

function httpOutcome(answer: JsonAnswer): RenewOutcome {
  const outcome = codeOutcome(problemCode(answer) ?? `http-${answer.status}`);
  const { retryAfterMs } = answer;
  return outcome.kind === 'later' && retryAfterMs !== undefined ? { ...outcome, retryAfterMs } : outcome;
}

function codeOutcome(code: string): RenewOutcome {
  return code === 'agent.revoked' ? { kind: 'revoked' } : { kind: 'later', reason: code };
}

/** An answer that speaks of somebody else is none. */
function keep(
  { store, clock }: RenewOptions,
  before: StoredIdentity,
  { renewed, privateKey }: { renewed: AgentIdentity; privateKey: string },
): RenewOutcome {
  if (renewed.agentId !== before.agentId || renewed.orgId !== before.orgId)
    return { kind: 'later', reason: 'answer-of-another-agent' };
  const obtainedAt = toTimestamp(clock.now());
  return {
    kind: 'renewed',
    identity: store.save({ ...before, ...renewed, privateKey, obtainedAt, revokedAt: null }),
  };
}
