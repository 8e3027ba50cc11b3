import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId, systemClock } from '@keyfleet/platform';
import { startFaultProxy, waitFor } from '@keyfleet/testing';
import type { Link } from './host.js';
import type { StoredIdentity } from './identity/store.js';
import { startLink } from './index.js';
import { pace } from './pace.js';
import { TestControlPlane } from './testing/control-plane.js';
import { type TestHost, testHost } from './testing/host.js';

let plane: TestControlPlane;
let host: TestHost;
let link: Link | undefined;

afterEach(async () => {
  await link?.close();
  link = undefined;
  await plane?.close();
});

function newHost(clock = systemClock): TestHost {
  return testHost({ controlPlaneUrl: plane.gateway.url, enrolmentTokenFile: plane.tokenFile() }, clock);
}

/** An agent that is enrolled, connected and has sent its first beat. */
async function online(options: Parameters<typeof TestControlPlane.start>[0] = {}): Promise<void> {
  plane = await TestControlPlane.start(options);
  host = newHost();
  link = await startLink(host);
  await connected();
  await waitFor(() => plane.beats.length > 0);
}

const connected = () => waitFor(() => link?.status().state === 'connected', { what: 'the connection' });

const identity = () =>
  JSON.parse(readFileSync(join(host.directory, 'link', 'identity.json'), 'utf8')) as StoredIdentity;

function record(count: number): void {
  const data = { path: 'a/b', version: 1, principal: 'app:x' };
  const at = '2026-03-01T10:00:00.000Z';
  host.journal.append(
    ...Array.from({ length: count }, () => ({ id: newId('evt'), type: 'SecretUpdated', v: 1, at, data })),
  );
}

const drained = () => waitFor(() => host.journal.acknowledged().seq === host.journal.head().seq);

describe('the link', () => {
  it('enrols, connects over mutual TLS, beats at once, drains, and goes on live', async () => {
    plane = await TestControlPlane.start();
    host = newHost();
    link = await startLink(host);
    await connected();
    record(150);
    await drained();
    record(1);
    await drained();
    expect(plane.entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 151 }, (_, n) => n + 1));
    const { agentId } = identity();
    await waitFor(() => plane.beats.length > 0);
    expect(plane.beats[0]).toMatchObject({ agentId, counter: 1, agentVersion: '1.2.3' });
    expect(link.status()).toMatchObject({
      lastAcknowledgedAt: expect.any(String),
      certificateExpiresAt: identity().expiresAt,
    });
  });

  it('is the same agent after a restart, without another enrolment', async () => {
    await online();
    await link?.close();
    link = await startLink(host);
    await connected();
    await waitFor(
      () => new Set(plane.beats.map(({ agentId }) => agentId)).size === 1 && plane.beats.length > 1,
    );
    expect(plane.enrolments).toBe(1);
  });

  it('without a token stays by itself, and says so', async () => {
    plane = await TestControlPlane.start();
    host = testHost();
    link = await startLink(host);
    expect(link.status()).toMatchObject({ state: 'unenrolled', certificateExpiresAt: null });
    await link.close();
    expect(host.said).toMatchObject([{ level: 'info' }]);
  });

  it('never sends its token, seed or key to the log', async () => {
    await online();
    const { privateKey, jwt } = identity();
    const seed = readFileSync(join(host.directory, 'link', 'agent.nk'), 'utf8').trim();
    const token = readFileSync(host.config.enrolmentTokenFile as string, 'utf8').trim();
    const said = JSON.stringify(host.said);
    for (const secret of [privateKey, jwt, seed, token]) expect(said).not.toContain(secret);
  });

  it('beats when its health changes and when it is told to check', async () => {
    await online();
    const beats = plane.beats.length;
    host.changeHealth({ storage: 'degraded' });
    await waitFor(() => plane.beats.slice(beats).some(({ storage }) => storage === 'degraded'));
    const before = plane.beats.length;
    plane.tell(identity().agentId, 'check-now');
    await waitFor(() => plane.beats.length > before);
  });

  it('executes signed commands', async () => {
    await online();
    plane.tell(identity().agentId, 'rotate', { path: 'a/b' });
    plane.tell(identity().agentId, 'lock');
    await waitFor(() => host.locked === 1);
    expect(host.rotated).toEqual(['a/b']);
  });

  it('F7: comes back by itself after the broker was killed, syncs, beats at once and sends what was recorded meanwhile', async () => {
    await online();
    const beats = plane.beats.length;
    await plane.broker.server.kill();
    await waitFor(() => link?.status().state === 'offline');
    record(20);
    await plane.broker.restart();
    await plane.broker.push();
    await connected();
    await waitFor(() => plane.beats.length > beats);
    await drained();
    expect(plane.syncs.length).toBeGreaterThan(1);
    expect(plane.enrolments).toBe(1);
    expect(plane.renewals).toEqual({ nats: 0, https: 0 });
  });

  it('F9: comes back after the broker has lost everything it ever knew', async () => {
    await online();
    await plane.broker.restart({ kill: true, empty: true });
    record(5);
    await waitFor(() => link?.status().state === 'offline');
    await plane.broker.push();
    await connected();
    await drained();
    expect(plane.entries).toHaveLength(5);
  });

  it('F28: renews over the broker before its credentials end, and never is without a connection for it', async () => {
    await online({ lifeMs: 4_000 });
    const states: string[] = [];
    await waitFor(() => {
      states.push(link?.status().state ?? '');
      return plane.renewals.nats >= 3;
    });
    expect(new Set(states)).toEqual(new Set(['connected']));
    expect(plane.renewals.https).toBe(0);
    record(1);
    await drained();
  });

  it('F28: an agent whose credentials ended while it was off renews over HTTPS and is back', async () => {
    await online({ lifeMs: 3_000 });
    await link?.close();
    const { expiresAt } = identity();
    await waitFor(() => Date.now() > Date.parse(expiresAt));
    link = await startLink(host);
    await connected();
    expect(plane.renewals.https).toBe(1);
    expect(plane.enrolments).toBe(1);
  });

  it('F28: an agent whose credentials ended in an outage is back soon after it, however long it was', async () => {
    plane = await TestControlPlane.start({ lifeMs: 4_000 });
    host = newHost();
    // The longest pauses there are: the seventh in vain is followed by more than six seconds.
    link = await startLink(host, { pace: pace(20), random: () => 0.999 });
    await connected();
    await plane.broker.server.kill();
    plane.away = true;
    await waitFor(() => plane.renewals.https >= 7 && Date.now() > Date.parse(identity().expiresAt), {
      ceilingMs: 30_000,
    });
    plane.away = false;
    await plane.broker.restart();
    await plane.broker.push();
    const back = performance.now();
    await connected();
    expect(performance.now() - back).toBeLessThan(3_000);
  }, 60_000);

  it('F28: an agent whose clock stands in the past notices by the refusal that its credentials have ended', async () => {
    plane = await TestControlPlane.start({ lifeMs: 4_000 });
    const stopped = Date.now();
    host = newHost({ ...systemClock, now: () => stopped });
    link = await startLink(host, { pace: pace(50) });
    await connected();
    await waitFor(() => plane.renewals.https > 0, { ceilingMs: 30_000 });
    await connected();
  });

  it('S4: a revoked agent is cut off, stays off and says so, while it goes on locally', async () => {
    plane = await TestControlPlane.start();
    host = newHost();
    const { real, sleep } = pace();
    let longest = 0;
    const noted: typeof sleep = (ms, signal) => {
      longest = Math.max(longest, ms);
      return sleep(ms, signal);
    };
    link = await startLink(host, { pace: { real, sleep: noted } });
    await connected();
    const { agentId } = identity();
    plane.revoked.add(agentId);
    await plane.broker.push({ [plane.nkeyOf(agentId)]: Math.floor(Date.now() / 1_000) + 60 });
    await waitFor(() => link?.status().state === 'revoked');
    record(3);
    // Nothing else waits that long: for hours it does not ask whether it may come back.
    await waitFor(() => longest >= 3 * 3_600_000, { what: 'hours of waiting' });
    expect(plane.renewals.https).toBe(1);
    expect(host.journal.acknowledged().seq).toBe(0);
    expect(link.status().state).toBe('revoked');
  });

  it('S4: a revoked agent that is started with another token is another agent, and sends what the first one could not', async () => {
    await online();
    const { agentId } = identity();
    plane.revoked.add(agentId);
    await plane.broker.push({ [plane.nkeyOf(agentId)]: Math.floor(Date.now() / 1_000) + 60 });
    await waitFor(() => link?.status().state === 'revoked');
    record(3);
    await link?.close();
    link = await startLink(host);
    await waitFor(() => link?.status().state === 'revoked');
    await link.close();
    const config = { ...host.config, enrolmentTokenFile: plane.tokenFile('n') };
    link = await startLink({ ...host, config });
    await connected();
    await drained();
    expect(identity().agentId).not.toBe(agentId);
    expect(plane.entries.map((entry) => entry.agentId)).toEqual(Array(3).fill(identity().agentId));
    expect(plane.enrolments).toBe(2);
  });

  it('repro-unknown-after-restore: shows a plane that lost its enrolment what it was given, and drains', async () => {
    await online();
    const { agentId, jwt } = identity();
    plane.forgotten.add(agentId);
    await plane.broker.server.kill();
    await waitFor(() => link?.status().state === 'offline');
    record(3);
    await plane.broker.restart();
    await plane.broker.push();
    await drained();
    expect(plane.forgotten.size).toBe(0);
    expect(identity()).toMatchObject({ agentId });
    expect(identity().jwt).not.toBe(jwt);
    expect(plane.enrolments).toBe(1);
  });

  it('leaves a connection that was cut off without a word', async () => {
    const ways: string[] = [];
    plane = await TestControlPlane.start({ brokerUrls: () => ways });
    const proxy = await startFaultProxy({ port: plane.broker.server.port });
    ways.push(`tls://127.0.0.1:${proxy.port}`);
    host = newHost();
    link = await startLink(host, { pace: pace(20) });
    await connected();
    proxy.set({ mode: 'silence' });
    await waitFor(
      () => host.said.some(({ message }) => message.includes('does not answer over this connection')),
      {
        ceilingMs: 40_000,
      },
    );
    await proxy.close();
  });
});
