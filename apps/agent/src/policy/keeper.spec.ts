import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_BUNDLE_BYTES, type PolicyManifest } from '@keyfleet/contracts';
import { newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import type { VaultOptions } from '../vault/create.js';
import { caller, VaultFixture } from '../vault/fixture.contract.js';
import { compileBundle, type PolicyIdentity } from './judge.js';
import { PolicyKeeper, type PolicyKeeperOptions } from './keeper.js';
import { PolicyFolder, recordIn } from './memory.js';
import {
  bundleOf,
  type NamedBundle,
  named,
  PolicyAuthority,
  type Signed,
  statement,
} from './testing/policies.js';

const authority = new PolicyAuthority();
let fixture: VaultFixture;
let identity: PolicyIdentity;
const said: string[] = [];
const say = (_fields: object, message: string) => void said.push(message);
const logger = { info: say, warn: say, error: say };

beforeEach(async () => {
  said.length = 0;
  fixture = await VaultFixture.open({ logger });
  const { orgId, agentId } = fixture.identity;
  identity = { orgId, agentId, commandKeys: [authority.key] };
  await fixture.put('team/db', 'value');
});
afterEach(() => fixture.destroy());

const keeper = (): PolicyKeeper => fixture.agent.parts.policies;
const folder = () => join(fixture.directory, 'policy');
const allowing = () => bundleOf(identity.orgId, statement());
const denying = () => bundleOf(identity.orgId, statement({ actions: ['status'] }));

function signed(bundle: NamedBundle, over: Signed = {}): PolicyManifest {
  return authority.manifest(identity, bundle, over);
}

async function apply(bundle: NamedBundle, version: number): Promise<boolean> {
  return keeper().apply(signed(bundle, { version }), bundle.bytes, identity);
}

async function restart(as: PolicyIdentity | undefined = identity, over: Partial<VaultOptions> = {}) {
  await fixture.restart({ logger, ...over });
  await keeper().open(as);
  await keeper().idle();
}

/** What was told about policies, without the rest. */
const told = () => fixture.told().filter(([type]) => type.startsWith('Policy'));
const mayRead = () =>
  fixture.vault.metadata(caller(), 'team/db').then(
    () => 'metadata',
    () => fixture.read('team/db').catch((error: { code: string }) => error.code),
  );

describe('a policy', () => {
  it('is in force once it is applied, on disk for its owner alone, and told after that', async () => {
    const bundle = allowing();
    expect(keeper().current()).toBeNull();
    expect(keeper().consider(signed(bundle), identity)).toBe('wanted');
    expect(await apply(bundle, 1)).toBe(true);
    expect(keeper().inForce()).toEqual({ version: 1, hash: bundle.hash });
    expect(keeper().status()).toEqual({
      ...{ version: 1, hash: bundle.hash, verified: true, bypassedUntil: null },
    });
    expect(told()).toEqual([['PolicyApplied', { version: 1, hash: bundle.hash }]]);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder()).sort()).toEqual([`${bundle.hash}.json`, 'manifest.json'].sort());
    for (const name of readdirSync(folder())) expect(statSync(join(folder(), name)).mode & 0o777).toBe(0o600);
    expect(await mayRead()).toBe('value');
  });

  it('comes twice and nothing happens', async () => {
    const bundle = allowing();
    await apply(bundle, 1);
    expect(keeper().consider(signed(bundle), identity)).toBe('known');
    expect(await apply(bundle, 1)).toBe(false);
    expect(told()).toHaveLength(1);
  });

  it('that is empty means that no policy holds, and is shown as what it is', async () => {
    const empty = bundleOf(identity.orgId);
    await apply(denying(), 1);
    await apply(empty, 2);
    expect(keeper().current()).toBeNull();
    expect(keeper().inForce()).toEqual({ version: 2, hash: empty.hash });
    expect(await mayRead()).toBe('metadata');
  });

  it('F27: holds offline after a restart, as the one that was applied last', async () => {
    await apply(allowing(), 1);
    const last = denying();
    await apply(last, 2);
    await restart();
    expect(keeper().inForce()).toEqual({ version: 2, hash: last.hash });
    expect(await mayRead()).toBe('auth.forbidden');
    expect(told()).toHaveLength(2);
  });

  it('that was put in force just before a kill is told at the next start, once', async () => {
    const bundle = allowing();
    await apply(bundle, 1);
    const next = denying();
    new PolicyFolder(fixture.directory).keep(signed(next, { version: 2 }), next.bytes);
    await restart();
    await restart();
    expect(told().map(([, data]) => data)).toEqual([
      { version: 1, hash: bundle.hash },
      { version: 2, hash: next.hash },
    ]);
  });
});

describe('G10: what is no policy for this agent', () => {
  const stranger = () => newId('agt');

  it.each<[string, (good: NamedBundle) => PolicyManifest, string]>([
    ['for another agent', (good) => signed(good, { version: 6, agentId: stranger() }), 'foreign'],
    ['for another organisation', (good) => signed(good, { version: 6, orgId: newId('org') }), 'foreign'],
    ['tampered with', (good) => signed(good, { version: 6, after: { version: 7 } }), 'signature'],
    [
      'signed by somebody else in the name of a pinned key',
      (good) => signed(good, { version: 6, forger: nkeySigner(newNkeySeed()) }),
      'signature',
    ],
    [
      'signed by a key that is not pinned',
      (good) => new PolicyAuthority().manifest(identity, good, { version: 6 }),
      'signature',
    ],
    ['older', (good) => signed(good, { version: 4 }), 'older'],
    ['of the version in force with another content', (good) => signed(good, { version: 5 }), 'older'],
    ['too large', (good) => signed(good, { version: 6, bytes: MAX_BUNDLE_BYTES + 1 }), 'too-large'],
  ])('a manifest %s is refused, told once, and the last good one stays', async (_name, make, code) => {
    const good = allowing();
    await apply(good, 5);
    const manifest = make(denying());
    for (let times = 0; times < 3; times += 1) expect(keeper().consider(manifest, identity)).toBe('refused');
    expect(await keeper().apply(manifest, denying().bytes, identity)).toBe(false);
    await keeper().idle();
    const { version, hash } = manifest;
    expect(told().slice(1)).toEqual([['PolicyRejected', { version, hash, code }]]);
    expect(keeper().inForce()).toEqual({ version: 5, hash: good.hash });
    expect(await mayRead()).toBe('value');
    await restart();
    keeper().consider(manifest, identity);
    await keeper().idle();
    expect(told()).toHaveLength(2);
    expect(keeper().inForce()).toEqual({ version: 5, hash: good.hash });
  });

  it.each<[string, () => { named: NamedBundle; sent?: Buffer }, string]>([
    ['changed on its way', () => ({ named: denying(), sent: Buffer.from(denying().bytes) }), 'hash'],
    ['cut short', () => ({ named: allowing(), sent: allowing().bytes.subarray(1) }), 'hash'],
    ['of another organisation', () => ({ named: bundleOf(newId('org'), statement()) }), 'foreign'],
    ['no JSON', () => ({ named: named(Buffer.from('{')) }), 'invalid'],
    ['another thing', () => ({ named: named(Buffer.from('{"v":2}')) }), 'invalid'],
    [
      'with a condition that is none',
      () => ({ named: bundleOf(identity.orgId, statement({ condition: 'principal.nope == 1' })) }),
      'invalid',
    ],
  ])('a bundle %s is refused, told once, and the last good one stays', async (_name, make, code) => {
    const good = allowing();
    await apply(good, 5);
    const { named: bundle, sent = bundle.bytes } = make();
    const manifest = signed(bundle, { version: 6 });
    for (let times = 0; times < 2; times += 1)
      expect(await keeper().apply(manifest, sent, identity)).toBe(false);
    await keeper().idle();
    expect(told().slice(1)).toEqual([['PolicyRejected', { version: 6, hash: bundle.hash, code }]]);
    expect(keeper().inForce()).toEqual({ version: 5, hash: good.hash });
    expect(readdirSync(folder())).toContain(`${good.hash}.json`);
    expect(keeper().consider(manifest, identity)).toBe(code === 'invalid' ? 'refused' : 'wanted');
    // A good one after it is taken.
    expect(await apply(denying(), 7)).toBe(true);
  });

  it('F27: an older manifest of the very content in force is refused like any other', async () => {
    const good = allowing();
    await apply(good, 5);
    expect(keeper().consider(signed(good, { version: 4 }), identity)).toBe('refused');
    expect(await apply(good, 4)).toBe(false);
    await keeper().idle();
    expect(keeper().inForce()).toEqual({ version: 5, hash: good.hash });
    expect(told().at(-1)).toEqual(['PolicyRejected', { version: 4, hash: good.hash, code: 'older' }]);
  });

  it('does not fill the journal, however many there are', async () => {
    for (let version = 1; version <= 200; version += 1)
      keeper().consider(signed(allowing(), { version, after: { version: version + 1 } }), identity);
    await keeper().idle();
    expect(told()).toHaveLength(20);
    fixture.clock.advance(3_600_000);
    keeper().consider(signed(allowing(), { version: 900, after: { version: 901 } }), identity);
    await keeper().idle();
    expect(told()).toHaveLength(21);
  });
});

describe('a policy whose files are damaged', () => {
  let bundle: NamedBundle;
  beforeEach(async () => {
    bundle = allowing();
    await apply(bundle, 5);
  });

  const inFolder = (name: string) => join(folder(), name);
  const older = () => JSON.stringify(signed(bundle, { version: 4 }));
  const flipped = () => {
    const bytes = readFileSync(inFolder(`${bundle.hash}.json`));
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    return bytes;
  };

  it.each<[string, () => void, string]>([
    ['a bundle with a bit changed', () => writeFileSync(inFolder(`${bundle.hash}.json`), flipped()), 'hash'],
    ['a bundle that is gone', () => rmSync(inFolder(`${bundle.hash}.json`)), 'hash'],
    ['a manifest that is gone', () => rmSync(inFolder('manifest.json')), 'invalid'],
    ['a manifest that is none', () => writeFileSync(inFolder('manifest.json'), 'x'), 'invalid'],
    ['no folder at all', () => rmSync(folder(), { recursive: true }), 'invalid'],
    ['an older policy put back', () => writeFileSync(inFolder('manifest.json'), older()), 'older'],
  ])('allows nothing, and says so: %s', async (_name, damage, code) => {
    damage();
    await restart();
    expect(await mayRead()).toBe('auth.forbidden');
    expect(keeper().inForce()).toBeNull();
    expect(keeper().status()).toMatchObject({ version: 5, hash: bundle.hash, verified: false });
    expect(said).toContainEqual(expect.stringContaining('everything is denied'));
    expect(told().at(-1)?.[0]).toBe('PolicyRejected');
    expect(told().at(-1)?.[1]).toMatchObject({ code, hash: bundle.hash });
  });

  it('opens again once the good one is fetched, and never for an older one', async () => {
    rmSync(folder(), { recursive: true });
    await restart();
    expect(await apply(allowing(), 4)).toBe(false);
    expect(await mayRead()).toBe('auth.forbidden');
    expect(keeper().consider(signed(bundle, { version: 5 }), identity)).toBe('wanted');
    expect(await apply(bundle, 5)).toBe(true);
    expect(await mayRead()).toBe('value');
    await restart();
    expect(await mayRead()).toBe('value');
  });

  it('is not mended by the control plane knowing none', async () => {
    rmSync(folder(), { recursive: true });
    await restart();
    await keeper().noneHolds(identity);
    expect(await mayRead()).toBe('auth.forbidden');
  });

  it('allows nothing where its key is pinned no more', async () => {
    await restart({ ...identity, commandKeys: [new PolicyAuthority().key] });
    expect(await mayRead()).toBe('auth.forbidden');
    expect(told().at(-1)?.[1]).toMatchObject({ version: 5, code: 'signature' });
  });

  it('goes on denying as another agent until its own control plane says what holds', async () => {
    const anew = { ...identity, agentId: newId('agt') };
    await restart(anew);
    expect(await mayRead()).toBe('auth.forbidden');
    await keeper().noneHolds(anew);
    expect(keeper().status()).toBeNull();
    expect(await mayRead()).toBe('metadata');
    const first = denying();
    const manifest = authority.manifest(anew, first, { version: 1 });
    expect(await keeper().apply(manifest, first.bytes, anew)).toBe(true);
    expect(await mayRead()).toBe('auth.forbidden');
  });
});

describe('a bundle that an agent can make nothing of', () => {
  const conditional = () => bundleOf(identity.orgId, statement({ condition: "'payments' in groups" }));

  /** Another process on the same disk; an older one knows no such condition. */
  async function processOf(age: 'older' | 'newer'): Promise<PolicyKeeper> {
    const compile: PolicyKeeperOptions['compile'] = (bytes, manifest) => {
      if (age === 'older' && bytes.toString().includes('groups')) throw new Error('unknown name');
      return compileBundle(bytes, manifest);
    };
    const next = new PolicyKeeper({
      memory: { ...recordIn(fixture.agent.parts.storage), files: new PolicyFolder(fixture.directory) },
      ...{ clock: fixture.clock, agentId: () => identity.agentId, compile },
    });
    await next.open(identity);
    return next;
  }

  it('repro: is tried again by an agent that was updated, and applied by one that can read it now', async () => {
    const good = allowing();
    await apply(good, 5);
    const bundle = conditional();
    const manifest = signed(bundle, { version: 6 });
    const refused: unknown[][] = [];
    for (let start = 1; start <= 2; start += 1) {
      const older = await processOf('older');
      // Once for each process; what was told before is not told again.
      expect(older.consider(manifest, identity)).toBe('wanted');
      expect(await older.apply(manifest, bundle.bytes, identity)).toBe(false);
      await older.idle();
      refused.push([older.consider(manifest, identity), older.inForce()?.hash]);
    }
    expect(refused).toEqual(Array.from({ length: 2 }, () => ['refused', good.hash]));
    const rejected = ['PolicyRejected', { version: 6, hash: bundle.hash, code: 'invalid' }];
    expect(told().slice(1)).toEqual([rejected]);
    const updated = await processOf('newer');
    expect(updated.consider(manifest, identity)).toBe('wanted');
    expect(await updated.apply(manifest, bundle.bytes, identity)).toBe(true);
    expect(updated.inForce()).toEqual({ version: 6, hash: bundle.hash });
    expect(told().slice(1)).toEqual([rejected, ['PolicyApplied', { version: 6, hash: bundle.hash }]]);
  });

  it('is told all the same where the disk, or the hour, had no room for it', async () => {
    await apply(allowing(), 5);
    for (let version = 100; version < 120; version += 1)
      keeper().consider(signed(allowing(), { version, after: { version: version + 1 } }), identity);
    await keeper().idle();
    const bundle = named(Buffer.from('{'));
    const manifest = signed(bundle, { version: 6 });
    expect(await keeper().apply(manifest, bundle.bytes, identity)).toBe(false);
    await keeper().idle();
    const invalid = () => told().filter(([, data]) => data['code'] === 'invalid');
    expect(invalid()).toEqual([]);
    fixture.clock.advance(3_600_000);
    for (let times = 0; times < 2; times += 1) expect(keeper().consider(manifest, identity)).toBe('refused');
    await keeper().idle();
    expect(invalid()).toHaveLength(1);
  });
});

describe('a control plane whose command key is replaced', () => {
  const successor = new PolicyAuthority();
  const onDisk = () => JSON.parse(readFileSync(join(folder(), 'manifest.json'), 'utf8')) as PolicyManifest;
  const both = (): PolicyIdentity => ({ ...identity, commandKeys: [successor.key, authority.key] });
  const anew = (bundle: NamedBundle, over: Signed = {}) =>
    successor.manifest(identity, bundle, { version: 5, issuedAt: '2026-01-02T00:00:00.000Z', ...over });
  let bundle: NamedBundle;
  beforeEach(async () => {
    bundle = allowing();
    await apply(bundle, 5);
  });

  it('repro: signs what is in force anew, and the agent starts with the new key alone', async () => {
    const manifest = anew(bundle);
    expect(keeper().consider(manifest, both())).toBe('known');
    await keeper().idle();
    expect(onDisk()).toEqual(manifest);
    await restart({ ...identity, commandKeys: [successor.key] });
    expect(keeper().inForce()).toEqual({ version: 5, hash: bundle.hash });
    expect(await mayRead()).toBe('value');
    expect(told()).toEqual([['PolicyApplied', { version: 5, hash: bundle.hash }]]);
  });

  it('is believed by its pinned keys only, and nothing older comes back by the key before', async () => {
    const before = onDisk();
    const forged = anew(bundle, { forger: nkeySigner(newNkeySeed()) });
    for (const [manifest, as] of [[forged, both()] as const, [anew(bundle), identity] as const])
      expect(keeper().consider(manifest, as)).toBe('refused');
    await keeper().idle();
    expect(onDisk()).toEqual(before);
    keeper().consider(anew(bundle), both());
    await keeper().idle();
    expect(keeper().consider(before, both())).toBe('known');
    await keeper().idle();
    expect(onDisk()).toEqual(anew(bundle));
  });

  it('is believed whatever its clock says once the key before is pinned no more', async () => {
    const early = anew(bundle, { issuedAt: '2025-01-01T00:00:00.000Z' });
    keeper().consider(early, both());
    await keeper().idle();
    expect(onDisk().key).toBe(authority.key);
    keeper().consider(early, { ...identity, commandKeys: [successor.key] });
    await keeper().idle();
    expect(onDisk()).toEqual(early);
  });

  it('is asked again where the disk would not take it', async () => {
    const inTheWay = join(folder(), 'manifest.json.part');
    mkdirSync(inTheWay);
    expect(keeper().consider(anew(bundle), both())).toBe('known');
    await keeper().idle();
    expect(onDisk().key).toBe(authority.key);
    expect(await mayRead()).toBe('value');
    rmSync(inTheWay, { recursive: true });
    keeper().consider(anew(bundle), both());
    await keeper().idle();
    expect(onDisk()).toEqual(anew(bundle));
  });
});

describe('a first start', () => {
  it('without a policy lets key grants decide alone', async () => {
    await restart();
    expect(keeper().status()).toBeNull();
    expect(keeper().inForce()).toBeNull();
    expect(await mayRead()).toBe('metadata');
    expect(told()).toEqual([]);
  });
});
