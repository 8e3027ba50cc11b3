import { X509Certificate } from 'node:crypto';
import { agentIdentity, ENROLMENT_TOKEN, type EnrolRequest } from '@keyfleet/contracts/http';
import { createCertificateRequest, sha256Hex } from '@keyfleet/crypto';
import { type Clock, toTimestamp } from '@keyfleet/kernel';
import type { LinkConfig } from '../host.js';
import { isLoopback, type JsonAnswer, postJson, problemCode } from '../http.js';
import { certificateDigest, fetchPinnedAuthority, PinMismatch } from './pin.js';
import type { IdentityStore, StoredIdentity } from './store.js';

export type EnrolOutcome =
  | { readonly kind: 'enrolled'; readonly identity: StoredIdentity }
  /** No later attempt with this token can succeed. */
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'later'; readonly reason: string; readonly retryAfterMs?: number };

export interface EnrolOptions {
  readonly store: IdentityStore;
  readonly config: Pick<LinkConfig, 'name' | 'labels' | 'agentVersion'>;
  readonly controlPlaneUrl: string;
  readonly token: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 20_000;

/** These say that the same request will never be taken. */
const FINAL = new Set([
  'enrolment.token-invalid',
  'enrolment.key-taken',
  'agent.revoked',
  'enrolment.csr-invalid',
  'request.invalid',
  'request.malformed',
]);

/**
 * One attempt to enrol. The token leaves this machine only towards a server that shows the authority it pins, or to
 * loopback. An attempt whose answer got lost is made again with the same key and gives the same agent.
 */
export async function enrol(options: EnrolOptions): Promise<EnrolOutcome> {
  const pin = ENROLMENT_TOKEN.test(options.token) ? options.token.slice(4, 68) : undefined;
  if (!pin) return { kind: 'refused', code: 'enrolment.token-invalid' };
  const url = new URL('/api/v1/enrol', options.controlPlaneUrl);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))
    return { kind: 'refused', code: 'control-plane-url-not-https' };
  try {
    return await attempt(options, url, pin);
  } catch (error) {
    if (error instanceof PinMismatch) return { kind: 'later', reason: 'pin-mismatch' };
    return { kind: 'later', reason: reasonOf(error) };
  }
}

/** The machine's word for it; messages of others may say too much. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : 'unknown';
}

async function attempt(options: EnrolOptions, url: URL, pin: string): Promise<EnrolOutcome> {
  const { config, store, clock, signal } = options;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const gatewayCa =
    url.protocol === 'https:' ? await fetchPinnedAuthority({ url, pin, timeoutMs, signal }) : null;
  const { csr, privateKey } = await createCertificateRequest();
  const body: EnrolRequest = {
    token: options.token,
    name: config.name,
    labels: { ...config.labels },
    csr,
    nkey: store.key.nkey,
    agentVersion: config.agentVersion,
  };
  const answer = await postJson({
    url,
    body,
    timeoutMs,
    signal,
    ...(gatewayCa && { authorities: [gatewayCa] }),
  });
  if (answer.status !== 200 && answer.status !== 201) return refused(answer);
  const parsed = agentIdentity.safeParse(answer.body);
  if (!parsed.success) return { kind: 'later', reason: 'answer-not-understood' };
  if (!gatewayCa && digestOf(parsed.data.trustBundle[0]) !== pin) throw new PinMismatch();
  const controlPlaneUrl = url.origin;
  const obtainedAt = toTimestamp(clock.now());
  const identity = store.save({
    ...parsed.data,
    ...{ privateKey, controlPlaneUrl, gatewayCa, obtainedAt },
    ...{ tokenHash: sha256Hex(options.token), revokedAt: null },
  });
  return { kind: 'enrolled', identity };
}

function refused(answer: JsonAnswer): EnrolOutcome {
  const code = problemCode(answer) ?? `http-${answer.status}`;
  if (FINAL.has(code)) return { kind: 'refused', code };
  const { retryAfterMs } = answer;
  return { kind: 'later', reason: code, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

function digestOf(pem: string | undefined): string | undefined {
  try {
    return pem === undefined ? undefined : certificateDigest(new X509Certificate(pem));
  } catch {
    return undefined;
  }
}
