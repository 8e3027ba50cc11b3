import { createPrivateKey, X509Certificate } from 'node:crypto';
import { GENESIS_HASH, renewSigningInput } from '@keyfleet/contracts';
import { type RenewRequest, renewRequest, rpcRenewRequest } from '@keyfleet/contracts/http';
import { createCertificateRequest, verifyNkeySignature } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import { TestClock, temporaryDirectory } from '@keyfleet/testing';
import type { Broker } from '../broker.js';
import { type Gateway, newAuthority, type Route, startGateway } from '../testing/gateway.js';
import { issueIdentity } from '../testing/issue.js';
import { renewOverBroker, renewOverHttps } from './renew.js';
import { IdentityStore, type StoredIdentity } from './store.js';

const MONTH_MS = 30 * 86_400_000;
const { signal } = new AbortController();
const config = { name: 'site-1', agentVersion: '1.2.3' };

let gateway: Gateway;
let store: IdentityStore;
let before: StoredIdentity;
let clock: TestClock;
let answer: Route;

beforeEach(async () => {
  clock = new TestClock(Date.now());
  answer = renews;
  gateway = await startGateway({ routes: { '/api/v1/renew': (body) => answer(body) } });
  store = new IdentityStore(temporaryDirectory('renew'));
  const { csr, privateKey } = await createCertificateRequest();
  const issued = await issueIdentity({ authority: gateway.authority, csr });
  before = store.save({
    ...issued,
    ...{ privateKey, controlPlaneUrl: gateway.url, gatewayCa: gateway.authority.certificate },
    ...{ obtainedAt: new Date(clock.now()).toISOString(), tokenHash: GENESIS_HASH, revokedAt: null },
  });
});
afterEach(() => gateway.close());

const again = (csr: string, agentId = before.agentId) =>
  issueIdentity({ authority: gateway.authority, csr, agentId, orgId: before.orgId });

const renews: Route = async (body) => ({ status: 200, body: await again(renewRequest.parse(body).csr) });

const renew = () => renewOverHttps({ store, config, clock, signal, timeoutMs: 2_000 });

function signedRightly(request: RenewRequest): boolean {
  return verifyNkeySignature(store.key.nkey, renewSigningInput(request), request.signature);
}

describe('renewal over HTTPS', () => {
  it('F28: works with a certificate that expired a month ago, signed by the key enrolled for life', async () => {
    clock.advance(MONTH_MS);
    expect(await renew()).toMatchObject({ kind: 'renewed', identity: { agentId: before.agentId } });
    const request = renewRequest.parse(gateway.received[0]);
    expect(signedRightly(request)).toBe(true);
    expect(Date.parse(request.at)).toBe(clock.now());
    const renewed = store.current as StoredIdentity;
    const certificate = new X509Certificate(renewed.certificate);
    expect(certificate.checkPrivateKey(createPrivateKey(renewed.privateKey))).toBe(true);
    expect(renewed.privateKey).not.toBe(before.privateKey);
  });

  it('brings what a control plane restored from before its enrolment needs to know it again', async () => {
    clock.advance(MONTH_MS);
    await renew();
    expect(renewRequest.parse(gateway.received[0]).enrolment).toEqual({ jwt: before.jwt, ...config });
  });

  it('makes a new key and a new nonce each time', async () => {
    await renew();
    await renew();
    const [first, second] = gateway.received.map((body) => renewRequest.parse(body));
    expect(first?.nonce).not.toBe(second?.nonce);
    expect(first?.csr).not.toBe(second?.csr);
  });

  it('goes by the time of the control plane where its own clock is wrong by days', async () => {
    const date = new Date('2027-01-01T00:00:00Z');
    answer = (body) =>
      Date.parse(renewRequest.parse(body).at) === date.getTime()
        ? renews(body)
        : { status: 401, body: { code: 'agent.renewal-stale' }, headers: { date: date.toUTCString() } };
    clock.jumpTo('2026-01-01T00:00:00Z');
    expect(await renew()).toMatchObject({ kind: 'renewed' });
    expect(gateway.received.map((body) => signedRightly(renewRequest.parse(body)))).toEqual([true, true]);
  });

  it.each([
    [403, 'agent.revoked', { kind: 'revoked' }],
    [404, 'agent.unknown', { kind: 'later', reason: 'agent.unknown' }],
    [429, 'rate.limited', { kind: 'later', reason: 'rate.limited', retryAfterMs: 3_000 }],
    [503, 'service.unavailable', { kind: 'later', reason: 'service.unavailable' }],
  ])('keeps what it has when it is answered %i', async (status, code, outcome) => {
    const headers: Record<string, string> = status === 429 ? { 'retry-after': '3' } : {};
    answer = () => ({ status, body: { code }, headers });
    expect(await renew()).toEqual(outcome);
    expect(store.current).toEqual(before);
  });

  it('takes no identity of somebody else', async () => {
    answer = async (body) => ({ status: 200, body: await again(renewRequest.parse(body).csr, newId('agt')) });
    expect(await renew()).toEqual({ kind: 'later', reason: 'answer-of-another-agent' });
    expect(store.current).toEqual(before);
  });

  it('says nothing to a server it has no reason to believe', async () => {
    const impostor = await startGateway({ routes: {}, authority: await newAuthority('impostor') });
    store.save({ ...before, controlPlaneUrl: impostor.url });
    expect(await renew()).toMatchObject({ kind: 'later' });
    expect(impostor.received).toEqual([]);
    await impostor.close();
  });
});

describe('renewal over the broker', () => {
  const broker = (reply: (request: { csr: string }) => Promise<object>): Broker => ({
    connected: true,
    publish: () => true,
    request: async (kind, payload) => {
      expect(kind).toBe('rpc.renew');
      return Buffer.from(JSON.stringify(await reply(rpcRenewRequest.parse(JSON.parse(payload)))));
    },
  });
  const over = (reply: Parameters<typeof broker>[0]) =>
    renewOverBroker({ store, config, clock, signal, timeoutMs: 2_000 }, broker(reply));

  it('needs no signature: the connection is the proof', async () => {
    expect(await over(({ csr }) => again(csr))).toMatchObject({ kind: 'renewed' });
    expect(store.current?.certificate).not.toBe(before.certificate);
  });

  it('goes by what it is answered', async () => {
    expect(await over(async () => ({ code: 'agent.revoked' }))).toEqual({ kind: 'revoked' });
    expect(await over(async () => ({ retryAfterMs: 9 }))).toMatchObject({ kind: 'later', retryAfterMs: 9 });
    expect(await over(async () => ({ hello: 1 }))).toMatchObject({ kind: 'later' });
    expect(store.current).toEqual(before);
  });
});
