import type { PolicyStatement } from '@keyfleet/contracts';
import fc from 'fast-check';
import type { Caller } from '../access/caller.js';
import { bundleOf, PolicyAuthority, statement } from '../policy/testing/policies.js';
import { caller, VaultFixture } from './fixture.contract.js';

const authority = new PolicyAuthority();
let fixture: VaultFixture;
let version = 0;

beforeEach(async () => {
  version = 0;
  fixture = await VaultFixture.open();
});
afterEach(() => fixture.destroy());

/** The policy of the agent from now on. */
async function hold(...statements: PolicyStatement[]): Promise<void> {
  version += 1;
  const { orgId, agentId } = fixture.identity;
  const bundle = bundleOf(orgId, ...statements);
  const manifest = authority.manifest(fixture.identity, bundle, { version });
  const identity = { orgId, agentId, commandKeys: [authority.key] };
  if (!(await fixture.agent.parts.policies.apply(manifest, bundle.bytes, identity)))
    throw new Error('refused');
}

type Tags = Record<string, string>;

const put = (who: Caller, value: string, tags?: Tags, path = 'team/db') =>
  fixture.vault.put(who, { path, value: Buffer.from(value), ...(tags && { tags }) });
const read = async (who: Caller, number?: number, path = 'team/db') =>
  (await fixture.vault.value(who, path, number)).value.toString();
const outcome = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'done',
    (error: { code?: string }) => error.code ?? String(error),
  );
const tagsNow = async () => (await fixture.vault.metadata(owner, 'team/db')).tags;

const owner = caller({ principal: 'app:owner' });
const ci = caller({ principal: 'ci:deploy' });
const prod = { env: 'prod' };
const dev = { env: 'dev' };

const owners = statement({ id: 'owners', principals: ['app:owner'], actions: ['*'], resources: ['**'] });
const writers = statement({
  ...{ id: 'writers', principals: ['ci:*'], resources: ['team/**'] },
  actions: ['create', 'read', 'update', 'delete', 'rotate', 'rollback'],
});
const noProduction = statement({
  ...{ id: 'no-prod', effect: 'deny', principals: ['ci:*'], condition: "tags.env == 'prod'" },
});

describe('the tags of a secret', () => {
  it('repro: are not changed by whoever may not read it, so that no older version is opened by them', async () => {
    await put(owner, 'gold', prod);
    await hold(owners, writers, noProduction);
    expect(await outcome(read(ci))).toBe('auth.forbidden');
    for (const tags of [dev, {}, { ...prod, team: 'web' }])
      expect(await outcome(put(ci, 'junk', tags))).toBe('auth.forbidden');
    expect(await outcome(read(ci, 1))).toBe('auth.forbidden');
    expect(await tagsNow()).toEqual(prod);
    expect(await read(owner)).toBe('gold');
    const denied = fixture.told().filter(([type]) => type === 'AccessDenied');
    expect(denied.map(([, { action, reason }]) => [action, reason])).toContainEqual([
      'update',
      'denied-by-policy',
    ]);
    // He still writes what he may not read, with the tags it has.
    expect(await outcome(put(ci, 'second'))).toBe('done');
    expect(await outcome(put(ci, 'third', { ...prod }))).toBe('done');
    expect(await outcome(read(ci, 3))).toBe('auth.forbidden');
  });

  it('are changed by whoever may read it and update it under both', async () => {
    await put(owner, 'gold', dev);
    const noUpdate = statement({ ...noProduction, id: 'no-update', actions: ['update'] });
    await hold(owners, writers, noUpdate);
    expect(await outcome(put(ci, 'second', { env: 'test' }))).toBe('done');
    expect(await outcome(put(ci, 'third', prod))).toBe('auth.forbidden');
    expect(await tagsNow()).toEqual({ env: 'test' });
    expect(await outcome(put(owner, 'third', prod))).toBe('done');
    // What the tags are today guards every version.
    await hold(owners, writers, noProduction);
    expect(await outcome(read(ci, 1))).toBe('auth.forbidden');
  });

  it('are not changed with a key that has no grant to read, unless no policy holds', async () => {
    await put(owner, 'gold', prod);
    const writing = caller({ grants: [{ prefix: 'team', actions: ['update'] }] });
    expect(await outcome(put(writing, 'second', { env: 'test' }))).toBe('done');
    await hold(statement({ actions: ['*'], resources: ['**'] }));
    expect(await outcome(put(writing, 'third', dev))).toBe('auth.forbidden');
    expect(await outcome(put(writing, 'third'))).toBe('done');
    expect(await tagsNow()).toEqual({ env: 'test' });
  });

  it('say why they cannot be changed', async () => {
    await put(owner, 'gold', prod);
    await hold(owners, writers, noProduction);
    await expect(put(ci, 'junk', dev)).rejects.toMatchObject({
      details: { detail: expect.stringContaining('changing tags') },
    });
  });

  it('that a secret is to have decide whether it may be created', async () => {
    const onlyDev = { condition: "tags.env == 'dev'" };
    await hold(owners, statement({ ...writers, ...onlyDev }));
    expect(await outcome(put(ci, 'x', prod))).toBe('auth.forbidden');
    expect(await outcome(put(ci, 'x'))).toBe('auth.forbidden');
    expect(await outcome(put(ci, 'x', dev))).toBe('done');
    await hold(owners, statement({ ...writers, condition: "!('env' in tags)" }));
    expect(await outcome(put(ci, 'x', prod, 'team/other'))).toBe('auth.forbidden');
    expect(await outcome(put(ci, 'x', undefined, 'team/other'))).toBe('done');
  });

  it('of a secret that was deleted and made again open nothing of the one before', async () => {
    await put(owner, 'gold', prod);
    await put(owner, 'gold again');
    await hold(owners, writers, noProduction);
    await fixture.vault.remove(ci, 'team/db');
    expect(await outcome(put(ci, 'junk', dev))).toBe('done');
    expect(await read(ci, 1)).toBe('junk');
    expect(await outcome(read(ci, 2))).toBe('secret.version-not-found');
    const older = fixture.vault.rollback(ci, { path: 'team/db', version: 2 });
    expect(await outcome(older)).toBe('secret.version-not-found');
  });
});

describe('repro: a change that loses a race', () => {
  const path = 'team/db';
  const nothingOfProduction = statement({ ...noProduction, actions: ['*'], resources: ['**'] });
  const changes: [string, () => Promise<unknown>][] = [
    ['deleting', () => fixture.vault.remove(ci, path)],
    ['rotating', () => fixture.vault.rotate(ci, { path, length: 8, alphabet: 'hex' })],
    ['rolling back', () => fixture.vault.rollback(ci, { path, version: 1 })],
  ];

  /** Whoever began waits for his commit: what begins now finds what was there before and goes into the same commit. */
  const everybodyWaits = () => new Promise((resolve) => process.nextTick(resolve));

  it.each(changes)('is decided anew about the tags that won it: %s', async (_, change) => {
    await put(owner, 'old', dev);
    await hold(owners, writers, nothingOfProduction);
    const retagged = put(owner, 'gold', prod);
    await everybodyWaits();
    expect((await fixture.agent.parts.storage.findSecret(path))?.tags).toEqual(dev);
    const changed = outcome(change());
    expect([(await retagged).version, await changed]).toEqual([2, 'auth.forbidden']);
    expect([await read(owner), await tagsNow()]).toEqual(['gold', prod]);
    const denied = (await fixture.audit()).filter(({ outcome: of }) => of === 'denied');
    expect(denied).toEqual([expect.objectContaining({ principal: 'ci:deploy', code: 'auth.forbidden' })]);
    expect(fixture.told().at(-1)).toEqual([
      'AccessDenied',
      expect.objectContaining({ secret: path, principal: 'ci:deploy', reason: 'denied-by-policy' }),
    ]);
  });

  it.each(changes)('goes on where it is allowed by them as well: %s', async (_, change) => {
    await put(owner, 'old', dev);
    await hold(owners, writers, nothingOfProduction);
    const retagged = put(owner, 'second', { env: 'test' });
    await everybodyWaits();
    const changed = outcome(change());
    expect([(await retagged).version, await changed]).toEqual([2, 'done']);
    const { version: after } = await fixture.vault.metadata(owner, path).catch(() => ({ version: 0 }));
    expect([0, 3]).toContain(after);
  });

  it.each(changes)(
    'does not tell whether there is still a secret, where its tags would decide: %s',
    async (_, change) => {
      await put(owner, 'old', dev);
      await hold(owners, writers, nothingOfProduction);
      const removed = fixture.vault.remove(owner, path);
      await everybodyWaits();
      const changed = outcome(change());
      await removed;
      expect([await changed, await outcome(change())]).toEqual(['auth.forbidden', 'auth.forbidden']);
    },
  );
});

describe('whatever a writer does', () => {
  const path = 'team/db';
  const tags = fc.constantFrom<(Tags | undefined)[]>(undefined, {}, dev, dev, prod, { env: 'test' });
  const number = fc.integer({ min: 1, max: 2 });
  type Step = () => Promise<string>;
  const step = fc.oneof(
    tags.map(
      (given): Step =>
        () =>
          outcome(put(ci, 'junk', given)),
    ),
    number.map(
      (wanted): Step =>
        () =>
          read(ci, wanted).catch((error: { code: string }) => error.code),
    ),
    number.map(
      (to): Step =>
        () =>
          outcome(fixture.vault.rollback(ci, { path, version: to })),
    ),
    fc.constantFrom(ci, owner).map(
      (who): Step =>
        () =>
          outcome(fixture.vault.remove(who, path)),
    ),
    fc.constant<Step>(() => outcome(fixture.vault.rotate(ci, { path, length: 8, alphabet: 'hex' }))),
  );
  const conditions = [undefined, undefined, "tags.env == 'dev'", "!('env' in tags)", "tags.env != 'prod'"];
  const allowed = fc
    .constantFrom(...conditions)
    .map((condition) => statement({ ...writers, ...(condition !== undefined && { condition }) }));

  it('he never holds a value that its tags kept from him', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(allowed, { minLength: 1, maxLength: 2 }),
        fc.array(step, { minLength: 6, maxLength: 20, size: 'max' }),
        async (rules, steps) => {
          const named = rules.map((rule, n) => ({ ...rule, id: `w${n}` }));
          await hold(owners, ...named, noProduction);
          await fixture.vault.remove(owner, path).catch(() => undefined);
          await put(owner, 'gold', prod);
          await put(owner, 'gold', prod);
          for (const one of steps) {
            const came = await one();
            expect(came).not.toBe('gold');
            seen.set(came, (seen.get(came) ?? 0) + 1);
          }
        },
      ),
      { numRuns: 80 },
    );
    for (const came of ['junk', 'done', 'auth.forbidden']) expect(seen.get(came) ?? 0).toBeGreaterThan(0);
  });
});
