import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RpcPolicyRequest } from '@keyfleet/contracts';
import { newId, systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { PolicyKeeper } from '../../policy/keeper.js';
import { bundleOf, type NamedBundle, statement } from '../../policy/testing/policies.js';
import { MemoryPolicies } from '../../simulator/memory-policies.js';
import type { Link } from '../host.js';
import type { StoredIdentity } from '../identity/store.js';
import { type LinkSeams, startLink } from '../index.js';
import { pace } from '../pace.js';
import { TestControlPlane } from '../testing/control-plane.js';
import { type TestHost, testHost } from '../testing/host.js';

let plane: TestControlPlane;
let host: TestHost;
let keeper: PolicyKeeper;
let memory: MemoryPolicies;
let link: Link | undefined;

beforeAll(async () => {
  plane = await TestControlPlane.start({ reconnectWindowMs: 100 });
});
beforeEach(async () => {
  await plane.ready();
  plane.forget();
  memory = new MemoryPolicies((events) => host.journal.append(...events));
  host = {
    ...testHost({ controlPlaneUrl: plane.gateway.url, enrolmentTokenFile: plane.tokenFile() }),
    policy: () => keeper.inForce(),
  };
});
afterEach(async () => {
  await link?.close();
  link = undefined;
});
afterAll(() => plane.close());

/** The agent's process begins, with what is on its disk. */
async function start(seams: LinkSeams = {}): Promise<void> {
  keeper = new PolicyKeeper({ memory, clock: systemClock, agentId: () => host.journal.owner.agentId });
  const listen = host.onHealthChange;
  const policies = keeper;
  const onHealthChange = (listener: () => void) => {
    const stops = [listen(listener), policies.onChange(listener)];
    return () => stops.forEach((stop) => stop());
  };
  link = await startLink({ ...host, policies, onHealthChange }, seams);
  await waitFor(() => link?.status().state === 'connected', { what: 'the connection' });
}

const agentId = () =>
  (JSON.parse(readFileSync(join(host.directory, 'link', 'identity.json'), 'utf8')) as StoredIdentity).agentId;
const bundle = (id = 'all') => bundleOf(plane.orgId, statement({ id }));
const inForce = () => keeper.inForce();
const applied = (version: number) =>
  waitFor(() => inForce()?.version === version, { what: `version ${version}` });
const told = () =>
  plane.entries.filter(({ type }) => type.startsWith('Policy')).map(({ type, data }) => [type, data]);
const manifestAsked = () => waitFor(() => plane.policies.asksFor('manifest') > 0);

/** Something happens at the agent that has nothing to do with policies. */
function record(): void {
  const secret = { path: 'team/app', version: 1, principal: 'app:web' };
  const at = new Date().toISOString();
  host.journal.append({ id: newId('evt'), type: 'SecretUpdated', v: 1, at, data: secret });
}

/** Publishes a version and tells the agent. */
function publish(version: number, given: NamedBundle = bundle()): NamedBundle {
  plane.policies.push(agentId(), plane.policies.decree(agentId(), given, { version }));
  return given;
}

/** Of several pieces of 200 bytes. */
function large(): NamedBundle {
  plane.policies.chunkBytes = 200;
  return bundleOf(plane.orgId, ...Array.from({ length: 10 }, (_, n) => statement({ id: `statement-${n}` })));
}

describe('policies over the link', () => {
  it('G10: one that is pushed is in force, acknowledged, and shown by a beat at once', async () => {
    await start();
    const { hash } = publish(1);
    await applied(1);
    await waitFor(() => plane.beats.some(({ policy }) => policy?.version === 1 && policy.hash === hash));
    await waitFor(() => told().length === 1);
    expect(told()).toEqual([['PolicyApplied', { version: 1, hash }]]);
  });

  it('one that was published before is fetched after the first connect, and one meanwhile after the next', async () => {
    await start();
    await manifestAsked();
    const id = agentId();
    await link?.close();
    plane.policies.decree(id, bundle(), { version: 3 });
    await start();
    await applied(3);
    expect(plane.policies.asked.find(({ kind }) => kind === 'manifest')).toMatchObject({ have: 0 });
    plane.policies.asked.length = 0;
    await plane.broker.server.kill();
    plane.policies.decree(id, bundle(), { version: 4 });
    await plane.broker.restart();
    await plane.broker.push();
    await applied(4);
    expect(plane.policies.asked.find(({ kind }) => kind === 'manifest')).toMatchObject({ have: 3 });
  });

  it('the policy-changed command makes it ask', async () => {
    await start();
    await manifestAsked();
    plane.policies.decree(agentId(), bundle(), { version: 2 });
    plane.tell(agentId(), 'policy-changed');
    await applied(2);
  });

  it('a bundle at hand is not fetched again for another version', async () => {
    await start();
    const same = publish(1);
    await applied(1);
    const fetched = plane.policies.asksFor('bundle');
    publish(2, same);
    await applied(2);
    expect(plane.policies.asksFor('bundle')).toBe(fetched);
  });

  it('a bundle that comes with its push is not fetched, and one that is another than announced is', async () => {
    await start();
    await manifestAsked();
    const pushWith = (version: number, given: NamedBundle, inside: Buffer) => {
      const manifest = plane.policies.decree(agentId(), given, { version });
      plane.policies.push(agentId(), manifest, { bundle: inside.toString('base64') });
    };
    const first = bundle('first');
    pushWith(1, first, first.bytes);
    await applied(1);
    expect(inForce()).toEqual({ version: 1, hash: first.hash });
    expect(plane.policies.asksFor('bundle')).toBe(0);
    // Neither another one, nor one of another length, nor what is no bundle at all.
    const others = [bundle('other').bytes, Buffer.alloc(8_000)];
    for (const [n, other] of others.entries()) {
      const named = bundle(`second-${n}`);
      pushWith(2 + n, named, other);
      await applied(2 + n);
      expect(inForce()?.hash).toBe(named.hash);
    }
    const last = bundle('last');
    const manifest = plane.policies.decree(agentId(), last, { version: 4 });
    plane.policies.push(agentId(), manifest, { bundle: 'bm90aGluZw==' });
    await applied(4);
    expect(plane.policies.asksFor('bundle')).toBe(3);
    await waitFor(() => told().length === 4);
    expect(told().map(([type]) => type)).toEqual(Array.from({ length: 4 }, () => 'PolicyApplied'));
  });

  it('decides at once and tells of it at its moment of the window where many were told together', async () => {
    const gate = Promise.withResolvers<void>();
    const real = pace();
    let held = 0;
    const sleep: typeof real.sleep = async (ms, signal) => {
      // Nothing else waits about so long.
      if (ms < 15_000 || ms > 20_000) return real.sleep(ms, signal);
      held += 1;
      await gate.promise;
      return true;
    };
    await start({ pace: { ...real, sleep }, random: () => 0.999 });
    await manifestAsked();
    // What goes along with a connect is over.
    record();
    await waitFor(() => link?.status().lastAcknowledgedAt !== null);
    const given = bundle();
    const manifest = plane.policies.decree(agentId(), given, { version: 1 });
    plane.policies.push(agentId(), manifest, { reportWithinMs: 20_000 });
    await applied(1);
    // Its beat and its entry.
    await waitFor(() => held === 2);
    expect(told()).toEqual([]);
    expect(plane.beats.some(({ policy }) => policy !== null)).toBe(false);
    // Whatever else happens does not wait, and takes along what does.
    record();
    await waitFor(() => told().length === 1);
    expect(plane.beats.some(({ policy }) => policy !== null)).toBe(false);
    gate.resolve();
    await waitFor(() => plane.beats.some(({ policy }) => policy?.version === 1));
  });

  it('S2: nothing forged keeps an agent from speaking', async () => {
    await start({ random: () => 0.999 });
    await manifestAsked();
    const forged = plane.policies.decree(agentId(), bundle(), { version: 1, after: { version: 2 } });
    plane.policies.push(agentId(), forged, { reportWithinMs: 30_000 });
    await waitFor(() => told().length === 1);
    expect(told()).toEqual([['PolicyRejected', expect.objectContaining({ code: 'signature' })]]);
  });

  it('comes in pieces, and goes on where it was after a reconnect in the middle', async () => {
    await start();
    await manifestAsked();
    const pieces = large();
    const stopped = Promise.withResolvers<void>();
    const offsets: number[] = [];
    plane.policies.instead = (request) => {
      if (request.kind !== 'bundle') return undefined;
      offsets.push(request.offset);
      if (offsets.length !== 3) return undefined;
      stopped.resolve();
      // The broker dies with this question on its way.
      return new Promise(() => {});
    };
    publish(1, pieces);
    await stopped.promise;
    await plane.broker.server.kill();
    await plane.broker.restart();
    await plane.broker.push();
    await applied(1);
    const all = Array.from({ length: Math.ceil(pieces.bytes.length / 200) }, (_, n) => n * 200);
    expect(offsets).toEqual([...all.slice(0, 3), ...all.slice(2)]);
  });

  it('G10: the newest wins while another is on its way, and one question is asked at a time', async () => {
    await start();
    await manifestAsked();
    const pieces = large();
    let open = 0;
    let most = 0;
    plane.policies.instead = async (request: RpcPolicyRequest) => {
      open += 1;
      most = Math.max(most, open);
      if (request.kind === 'bundle' && request.hash === pieces.hash && request.offset === 200)
        for (const version of [5, 7, 6]) publish(version, bundle(`v${version}`));
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return undefined as never;
    };
    publish(4, pieces);
    await applied(7);
    const versions = () => told().map(([, data]) => (data as { version: number }).version);
    await waitFor(() => versions().includes(7));
    expect(most).toBe(1);
    expect(versions().at(-1)).toBe(7);
    expect(versions()).not.toContain(6);
  });

  it('waits as long as it is asked to', async () => {
    await start();
    await manifestAsked();
    const at: number[] = [];
    plane.policies.instead = ({ kind }) => {
      if (kind !== 'bundle') return undefined;
      at.push(performance.now());
      return at.length === 1 ? { retryAfterMs: 700 } : undefined;
    };
    publish(1);
    await applied(1);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(690);
  });

  it('goes on asking where the bundle is not there yet or nobody answers', async () => {
    await start();
    await manifestAsked();
    let times = 0;
    plane.policies.instead = ({ kind }) => {
      if (kind !== 'bundle') return undefined;
      times += 1;
      if (times === 1) return { code: 'resource.not-found' };
      return times === 2 ? ({ manifest: null } as const) : undefined;
    };
    publish(1);
    await applied(1);
    expect(times).toBe(3);
  });

  it('G10: tampered, older and foreign ones change nothing, and the next good one is taken', async () => {
    await start();
    const good = publish(5);
    await applied(5);
    const { policies } = plane;
    const mine = agentId();
    const tampered = policies.decree(mine, bundle('evil'), { version: 9, after: { version: 10 } });
    const neighbours = policies.decree(newId('agt'), bundle('theirs'), { version: 11 });
    const older = policies.decree(mine, bundle('old'), { version: 4 });
    for (const manifest of [tampered, neighbours, older, tampered]) policies.push(mine, manifest);
    await waitFor(() => told().length === 4, { what: 'the refusals' });
    expect(told().slice(1)).toEqual([
      ['PolicyRejected', { version: 10, hash: tampered.hash, code: 'signature' }],
      ['PolicyRejected', { version: 11, hash: neighbours.hash, code: 'foreign' }],
      ['PolicyRejected', { version: 4, hash: older.hash, code: 'older' }],
    ]);
    expect(inForce()).toEqual({ version: 5, hash: good.hash });
    publish(6);
    await applied(6);
  });

  it.each<[string, (data: Buffer) => { total?: number; data: string }]>([
    ['another content', (data) => ({ data: Buffer.alloc(data.length, 0x20).toString('base64') })],
    ['another size', (data) => ({ total: data.length + 1, data: data.toString('base64') })],
    ['more than announced', (data) => ({ data: Buffer.concat([data, data]).toString('base64') })],
    ['nothing', () => ({ data: '' })],
  ])('G10: a bundle of %s is refused, and the one before holds', async (_name, change) => {
    await start();
    const good = publish(1);
    await applied(1);
    const bad = bundle('next');
    plane.policies.instead = (request) =>
      request.kind === 'bundle'
        ? { hash: bad.hash, offset: 0, total: bad.bytes.length, ...change(bad.bytes) }
        : undefined;
    publish(2, bad);
    await waitFor(() => told().length === 2);
    expect(told()[1]).toEqual(['PolicyRejected', { version: 2, hash: bad.hash, code: 'hash' }]);
    expect(inForce()).toEqual({ version: 1, hash: good.hash });
    // Pushed again by somebody who has it whole.
    plane.policies.instead = () => undefined;
    publish(2, bad);
    await applied(2);
  });

  it('what is no push and no command on its subject is refused without harm', async () => {
    await start();
    const good = publish(1);
    await applied(1);
    const manifest = plane.policies.decree(agentId(), bundle('x'), { version: 2 });
    plane.policies.push(agentId(), { ...manifest, hello: 1 } as never);
    plane.policies.push(agentId(), { ...manifest, hash: 'x'.repeat(20_000) });
    plane.policies.push(agentId(), 'x' as never);
    await waitFor(
      () =>
        host.said.filter(({ fields }) => 'refusal' in fields && fields.refusal === 'malformed').length === 3,
    );
    expect(inForce()).toEqual({ version: 1, hash: good.hash });
  });
});
