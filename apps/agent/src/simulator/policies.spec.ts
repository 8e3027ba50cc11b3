import { mkdirSync } from 'node:fs';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { pace } from '../link/pace.js';
import { TestControlPlane } from '../link/testing/control-plane.js';
import { bundleOf, type NamedBundle, statement } from '../policy/testing/policies.js';
import { Agent } from './simulated-agent.js';
import { compileShared } from './simulated-policy.js';

let plane: TestControlPlane;
let agents: Agent[] = [];

beforeAll(async () => {
  plane = await TestControlPlane.start({ reconnectWindowMs: 100 });
});
beforeEach(() => plane.forget());
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.kill()));
  agents = [];
});
afterAll(() => plane.close());

async function crowd(count: number, refuses: (index: number) => boolean = () => false): Promise<void> {
  const directory = temporaryDirectory('simulated');
  mkdirSync(directory, { recursive: true });
  agents = Array.from(
    { length: count },
    (_, index) =>
      new Agent(
        {
          ...{ index, seed: 'policies', directory, name: `sim-${index}`, labels: {}, pace: pace() },
          ...{ controlPlaneUrl: plane.gateway.url, enrolmentTokenFile: plane.tokenFile('tuvw'[index]) },
          refusesPolicies: refuses(index),
        },
        { reasons: new Map(), attempts: new Map() },
      ),
  );
  await Promise.all(agents.map((agent) => agent.start()));
  await waitFor(() => agents.every((agent) => agent.connected), { what: 'the agents' });
}

function publish(version: number, bundle: NamedBundle): void {
  for (const { journal } of agents) {
    const { agentId } = journal.owner;
    plane.policies.push(agentId, plane.policies.decree(agentId, bundle, { version }));
  }
}

const reports = () => agents.map((agent) => agent.report());
const versions = () => reports().map(({ policy }) => policy?.version ?? null);
const allow = (principal: string) =>
  bundleOf(plane.orgId, statement({ principals: [principal], actions: ['*'] }));

describe('simulated agents', () => {
  it('G10: fetch, verify and apply what they are pushed, decide by it, and report since when', async () => {
    await crowd(2);
    for (const agent of agents)
      agent.policy.question = { principal: 'app:web', action: 'read', path: 'team/db' };
    expect(reports().map(({ verdict, policy }) => [verdict, policy])).toEqual([
      ['allowed', null],
      ['allowed', null],
    ]);
    const bundle = allow('app:billing');
    const before = Date.now();
    publish(1, bundle);
    await waitFor(() => versions().every((version) => version === 1));
    for (const { policy, verdict } of reports()) {
      expect(policy).toMatchObject({ version: 1, hash: bundle.hash });
      expect(policy?.appliedAt).toBeGreaterThanOrEqual(before);
      expect(verdict).toBe('denied');
    }
    expect(plane.policies.asksFor('bundle')).toBe(2);
    const manifest = plane.policies.authority.manifest(
      { orgId: plane.orgId, agentId: agents[0]?.journal.owner.agentId ?? '' },
      bundle,
    );
    expect(compileShared(bundle.bytes, manifest)).toBe(compileShared(Buffer.from(bundle.bytes), manifest));
  });

  it('tell of traffic as the policy in force decides it', async () => {
    await crowd(1);
    const [agent] = agents;
    publish(3, allow('app:billing'));
    await waitFor(() => versions()[0] === 3);
    agent?.record(60);
    await waitFor(() => agent?.drained);
    const rows = plane.entries
      .filter(({ type }) => type === 'UsageReported')
      .flatMap(({ data }) => data['rows'] as { principal: string; outcome: string; policyVersion: number }[]);
    expect(rows.length).toBeGreaterThan(10);
    for (const { principal, outcome, policyVersion } of rows)
      expect([outcome, policyVersion]).toEqual([principal === 'app:billing' ? 'allowed' : 'denied', 3]);
  });

  it('refuse bundles where they are told to, and say so', async () => {
    await crowd(2, (index) => index === 1);
    publish(1, allow('app:web'));
    await waitFor(() => versions()[0] === 1 && reports()[1]?.policyRefusals.count === 1);
    expect(reports()[1]).toMatchObject({ policy: null, policyRefusals: { count: 1, last: 'invalid' } });
    const told = () => plane.entries.filter(({ type }) => type === 'PolicyRejected');
    await waitFor(() => agents.every((agent) => agent.drained));
    if (agents[1]) agents[1].policy.refuses = false;
    publish(2, allow('app:shop'));
    await waitFor(() => versions().every((version) => version === 2));
    expect(told().every(({ data }) => data['code'] === 'invalid')).toBe(true);
  });

  it('refuse the one bundle they are told to, and tell which ones they had', async () => {
    await crowd(2);
    const [good, bad] = [allow('app:web'), allow('app:shop')];
    if (agents[1]) agents[1].policy.refuses = { hash: bad.hash };
    publish(1, good);
    await waitFor(() => versions().every((version) => version === 1));
    publish(2, bad);
    await waitFor(() => versions()[0] === 2 && reports()[1]?.policyRefusals.count === 1);
    publish(3, good);
    await waitFor(() => versions().every((version) => version === 3));
    expect(reports().map(({ policiesApplied }) => policiesApplied)).toEqual([
      [
        { version: 1, hash: good.hash },
        { version: 2, hash: bad.hash },
        { version: 3, hash: good.hash },
      ],
      [
        { version: 1, hash: good.hash },
        { version: 3, hash: good.hash },
      ],
    ]);
  });

  it('G10: have their policy again after their process died, and an older one only with the disk of before', async () => {
    await crowd(1);
    const [agent] = agents as [Agent];
    publish(1, allow('app:web'));
    await waitFor(() => versions()[0] === 1);
    agent.keepImage();
    publish(2, allow('app:shop'));
    await waitFor(() => versions()[0] === 2);
    await agent.kill();
    await agent.start();
    expect(versions()).toEqual([2]);
    expect(reports()[0]?.policy?.appliedAt).toBeNull();
    await agent.rollback();
    // Whoever answers has the newer one, so it is not kept for long.
    await waitFor(() => versions()[0] === 2 && agent.connected);
  });
});
