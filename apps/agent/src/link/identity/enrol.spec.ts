import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentIdentity, enrolRequest } from '@keyfleet/contracts/http';
import { certificatePin } from '@keyfleet/crypto';
import { systemClock } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import {
  type Gateway,
  type GatewayOptions,
  newAuthority,
  type Route,
  startGateway,
} from '../testing/gateway.js';
import { issueIdentity } from '../testing/issue.js';
import { enrol } from './enrol.js';
import { IdentityStore } from './store.js';

const SECRET = 's'.repeat(43);
const config = { name: 'site-1', labels: { env: 'prod' }, agentVersion: '1.0.0' };
const { signal } = new AbortController();

let directory: string;
let store: IdentityStore;
let gateway: Gateway;
let given: AgentIdentity | undefined;

beforeEach(() => {
  directory = temporaryDirectory('enrol');
  store = new IdentityStore(directory);
  given = undefined;
});
afterEach(() => gateway?.close());

/** Takes the token once, and the same agent again as often as it comes. */
const enrols: Route = async (body) => {
  const { csr } = enrolRequest.parse(body);
  given = await issueIdentity({ authority: gateway.authority, csr, ...given });
  return { status: 201, body: given };
};

async function start(options: Partial<GatewayOptions> = {}): Promise<void> {
  gateway = await startGateway({ routes: { '/api/v1/enrol': enrols }, ...options });
}

function attempt(changes: { url?: string; pin?: string } = {}) {
  const { url = gateway.url, pin = gateway.pin } = changes;
  const token = `kfe_${pin}_${SECRET}`;
  return enrol({ store, config, controlPlaneUrl: url, token, clock: systemClock, signal, timeoutMs: 2_000 });
}

describe('enrolment', () => {
  it.each([
    ['over HTTPS, to the authority the token pins', false],
    ['over plain HTTP on loopback', true],
  ])('gives the agent everything it lives on, %s', async (_name, plain) => {
    await start({ plain });
    const outcome = await attempt();
    expect(outcome).toMatchObject({ kind: 'enrolled', identity: given });
    const again = new IdentityStore(directory);
    expect(again.current).toEqual(store.current);
    expect(again.current?.gatewayCa?.trim()).toBe(plain ? undefined : gateway.authority.certificate.trim());
    expect(again.key.nkey).toBe(store.key.nkey);
    expect(gateway.received[0]).toMatchObject({
      name: 'site-1',
      labels: { env: 'prod' },
      nkey: store.key.nkey,
    });
  });

  it('leaves files nobody else can read', async () => {
    await start();
    await attempt();
    const files = readdirSync(join(directory, 'link')).sort();
    expect(files).toEqual(['agent.nk', 'identity.json']);
    for (const file of files) expect(statSync(join(directory, 'link', file)).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'link')).mode & 0o777).toBe(0o700);
  });

  it('S6: sends no token to a server without the pinned authority', async () => {
    await start();
    expect(await attempt({ pin: 'f'.repeat(64) })).toEqual({ kind: 'later', reason: 'pin-mismatch' });
    expect(gateway.connections()).toBe(1);
    expect(gateway.received).toEqual([]);
    expect(store.current).toBeUndefined();
  });

  it('S6: sends no token to a server that only shows the pinned authority', async () => {
    const pinned = await newAuthority('pinned');
    await start({ shows: pinned.certificate });
    expect(await attempt({ pin: certificatePin(pinned.certificate) })).toEqual({
      kind: 'later',
      reason: 'pin-mismatch',
    });
    expect(gateway.received).toEqual([]);
  });

  it('S6: sends no token to a server whose certificate names another host', async () => {
    await start({ names: ['elsewhere.example'] });
    expect(await attempt()).toEqual({ kind: 'later', reason: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(gateway.received).toEqual([]);
  });

  it('S6: believes no plain answer whose authority is not the pinned one', async () => {
    await start({ plain: true });
    expect(await attempt({ pin: 'f'.repeat(64) })).toEqual({ kind: 'later', reason: 'pin-mismatch' });
    expect(store.current).toBeUndefined();
  });

  it('S6: speaks plain HTTP to loopback only', async () => {
    await start({ plain: true });
    const url = gateway.url.replace('127.0.0.1', 'keyfleet.example');
    expect(await attempt({ url })).toEqual({ kind: 'refused', code: 'control-plane-url-not-https' });
    expect(gateway.connections()).toBe(0);
  });

  it('is the same agent again where the answer was lost', async () => {
    let lose = true;
    await start({
      routes: {
        '/api/v1/enrol': async (body) => {
          const answer = await enrols(body);
          return lose ? { status: 502 } : answer;
        },
      },
    });
    expect(await attempt()).toEqual({ kind: 'later', reason: 'http-502' });
    lose = false;
    // Killed in between: only what is on the disk goes on.
    store = new IdentityStore(directory);
    expect(await attempt()).toMatchObject({ kind: 'enrolled' });
    const [first, second] = gateway.received;
    expect(first?.['nkey']).toBe(second?.['nkey']);
    expect(first?.['csr']).not.toBe(second?.['csr']);
  });

  it.each([
    [401, 'enrolment.token-invalid', undefined, { kind: 'refused', code: 'enrolment.token-invalid' }],
    [409, 'enrolment.key-taken', undefined, { kind: 'refused', code: 'enrolment.key-taken' }],
    [429, 'enrolment.busy', '7', { kind: 'later', reason: 'enrolment.busy', retryAfterMs: 7_000 }],
    [503, 'service.unavailable', undefined, { kind: 'later', reason: 'service.unavailable' }],
  ])('goes by what a %i says', async (status, code, retryAfter, outcome) => {
    const headers: Record<string, string> = retryAfter ? { 'retry-after': retryAfter } : {};
    await start({ routes: { '/api/v1/enrol': () => ({ status, body: { code }, headers }) } });
    expect(await attempt()).toEqual(outcome);
  });

  it('takes a token of another form for what it is', async () => {
    await start();
    const common = { store, config, clock: systemClock, signal, controlPlaneUrl: gateway.url };
    expect(await enrol({ ...common, token: 'kfe_x_y' })).toMatchObject({ kind: 'refused' });
    expect(gateway.connections()).toBe(0);
  });

  it('waits where nobody listens', async () => {
    await start();
    const { url, pin } = gateway;
    await gateway.close();
    expect(await attempt({ url, pin })).toEqual({ kind: 'later', reason: 'ECONNREFUSED' });
    await start();
  });
});

describe('what is on the disk', () => {
  beforeEach(() => start());

  it('is never half an identity: a crash while writing leaves the one before', async () => {
    await attempt();
    const before = store.current;
    writeFileSync(join(directory, 'link', 'identity.json.part'), '{"v":1,"agen');
    expect(new IdentityStore(directory).current).toEqual(before);
  });

  it.each(['{"v":1', '{"v":2}', ''])(
    'is refused where it is damaged (%j), without quoting it',
    async (text) => {
      await attempt();
      writeFileSync(join(directory, 'link', 'identity.json'), text || 'hunter2');
      expect(() => new IdentityStore(directory)).toThrow(/^The identity file of this agent/);
    },
  );

  it('refuses a seed that is none', () => {
    expect(store.key.nkey).toMatch(/^U/);
    writeFileSync(join(directory, 'link', 'agent.nk'), 'hunter2');
    expect(() => new IdentityStore(directory).key).toThrow(/does not hold an agent key/);
  });

  it('is written again only when the control plane announces something new', async () => {
    await attempt();
    const path = join(directory, 'link', 'identity.json');
    const stamp = () => statSync(path, { bigint: true }).ino;
    const { trustBundle, commandKeys } = given as AgentIdentity;
    const before = stamp();
    store.announce({ trustBundle, commandKeys, reconnectWindowMs: 5_000 });
    expect(stamp()).toBe(before);
    store.announce({ trustBundle, commandKeys, reconnectWindowMs: 9_000 });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ reconnectWindowMs: 9_000 });
  });
});
