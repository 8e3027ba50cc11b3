import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentStatus } from '@keyfleet/contracts/http';
import { createLogger, createMetrics, systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { type RunningAgent, startAgent } from '../agent.js';
import { ApiClient } from '../api/client.contract.js';
import { breakGlass } from '../cli/break-glass.js';
import { agentConfig } from '../config.js';
import { TestControlPlane } from '../link/testing/control-plane.js';
import { bundleOf, type NamedBundle, statement } from './testing/policies.js';

let plane: TestControlPlane;
let directory: string;
let agent: RunningAgent;
let api: ApiClient;

async function start(): Promise<void> {
  const config = agentConfig.parse({
    agent: {
      ...{ directory, name: 'site-7', controlPlaneUrl: plane.gateway.url },
      enrolmentTokenFile: plane.tokenFile(),
    },
  });
  const logger = createLogger({ service: 'agent', version: '0.1.0', destination: { write: () => {} } });
  const metrics = createMetrics({ service: 'agent', version: '0.1.0', runtime: false });
  agent = await startAgent({ config, version: '0.1.0', clock: systemClock, logger, metrics });
  api = new ApiClient(directory, agent.url);
}

async function stop(): Promise<void> {
  api.close();
  await agent.close();
}

beforeAll(async () => {
  plane = await TestControlPlane.start({ reconnectWindowMs: 100 });
  directory = mkdtempSync(join(tmpdir(), 'keyfleet-policy-'));
  await start();
}, 60_000);
afterAll(async () => {
  await stop();
  await plane.close();
  rmSync(directory, { recursive: true });
});

async function run(...args: string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const say = (text: string) => {
    said += text;
  };
  const env = { KEYFLEET_AGENT__DIRECTORY: directory };
  return { code: await breakGlass(args, { env, out: say, err: say }), said };
}

const agentId = () =>
  (JSON.parse(readFileSync(join(directory, 'link', 'identity.json'), 'utf8')) as { agentId: string }).agentId;
const status = async () => agentStatus.parse((await api.get('/status')).body);
const read = async () => (await api.get('/secrets/team/db/value')).status;
const told = () =>
  plane.entries.filter(({ type }) => type.startsWith('Policy')).map(({ type, data }) => [type, data]);

/** Everybody may ask for the status and read one secret at most. */
function locking(...more: Parameters<typeof statement>): NamedBundle {
  const open = statement({ id: 'status', actions: ['status', 'create'], resources: ['@vault', '**'] });
  return bundleOf(plane.orgId, open, ...more.map((one) => statement(one)));
}

async function publish(version: number, bundle: NamedBundle): Promise<void> {
  plane.policies.push(agentId(), plane.policies.decree(agentId(), bundle, { version }));
  await waitFor(() => told().some(([, data]) => (data as { version?: number }).version === version), {
    what: 'the acknowledgement',
  });
}

describe('an agent whose policy locks everybody out', () => {
  it('is opened on its own machine for a while, on record, whatever happens to it meanwhile', async () => {
    await waitFor(() => plane.beats.length > 0, { ceilingMs: 30_000 });
    await api.put('team/db', 'value');
    expect((await status()).policy).toBeNull();
    expect(await read()).toBe(200);
    const bundle = locking();
    await publish(1, bundle);
    expect(await read()).toBe(403);
    const inForce = { version: 1, hash: bundle.hash, verified: true };
    expect((await status()).policy).toEqual({ ...inForce, bypassedUntil: null });

    const begun = Date.now();
    expect(await run('--minutes', '30', '--reason', 'locked-out')).toMatchObject({ code: 0 });
    await waitFor(async () => (await read()) === 200, { what: 'the way in' });
    const { policy } = await status();
    const until = Date.parse(policy?.bypassedUntil ?? '');
    expect(policy).toMatchObject(inForce);
    expect(until).toBeGreaterThanOrEqual(begun + 30 * 60_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 30 * 60_000);

    await stop();
    await start();
    expect(await read()).toBe(200);
    expect((await run('--end')).code).toBe(0);
    await waitFor(async () => (await read()) === 403, { what: 'the policy' });
    expect(await run('--end')).toMatchObject({ code: 5 });
    await waitFor(() => told().length >= 3, { what: 'both ends in the journal' });
    expect(told()).toEqual([
      ['PolicyApplied', { version: 1, hash: bundle.hash }],
      ['PolicyBypassed', { until: policy?.bypassedUntil, reason: 'locked-out', version: 1 }],
      ['PolicyBypassEnded', { by: 'requested', requests: expect.any(Number) }],
    ]);
    expect((told()[2]?.[1] as { requests: number }).requests).toBeGreaterThanOrEqual(3);
  });

  it('G10: denies everything with its files damaged, offline too, but for a way in on its own machine', async () => {
    await publish(2, locking({ id: 'read' }));
    expect(await read()).toBe(200);
    await stop();
    await plane.policies.away(async () => {
      writeFileSync(join(directory, 'policy', 'manifest.json'), '{}');
      await start();
      expect(await read()).toBe(403);
      expect((await api.get('/status')).status).toBe(403);
      expect((await run('--minutes', '1', '--reason', 'incident')).code).toBe(0);
      await waitFor(async () => (await read()) === 200);
      expect((await status()).policy).toMatchObject({ version: 2, verified: false });
      expect((await run('--end')).code).toBe(0);
      await waitFor(async () => (await read()) === 403);
    });
    await waitFor(async () => (await read()) === 200, { ceilingMs: 60_000, what: 'the good one, fetched' });
    expect((await status()).policy).toMatchObject({ version: 2, verified: true });
  });

  it('is not opened for longer than a day, without a reason, or somewhere else', async () => {
    const before = told().length;
    for (const args of [
      ['--minutes', '1441', '--reason', 'incident'],
      ['--minutes', '0', '--reason', 'incident'],
      ['--minutes', '-5', '--reason', 'incident'],
      ['--minutes', '5'],
      ['--minutes', '5', '--reason', 'because'],
      ['--minutes', '5', '--reason', 'incident', '--directory', tmpdir()],
      ['--force'],
    ])
      expect(await run(...args)).toMatchObject({ code: 1, said: expect.stringContaining('Usage') });
    expect((await status()).policy).toMatchObject({ bypassedUntil: null });
    expect(told()).toHaveLength(before);
  });
});
