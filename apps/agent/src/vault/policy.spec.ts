import type { PolicyStatement } from '@keyfleet/contracts';
import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import fc from 'fast-check';
import { type Caller, isAllowed, SELF } from '../access/caller.js';
import { bundleOf, PolicyAuthority, statement } from '../policy/testing/policies.js';
import { authorise } from './authorise.js';
import { caller, stranger, VaultFixture } from './fixture.contract.js';
import { linesAllowed } from './lines-allowed.js';

const authority = new PolicyAuthority();
let fixture: VaultFixture;
let version = 0;

beforeEach(async () => {
  version = 0;
  fixture = await VaultFixture.open();
});
afterEach(() => fixture.destroy());

const keeper = () => fixture.agent.parts.policies;

/** The policy of the agent from now on. */
async function hold(...statements: PolicyStatement[]): Promise<void> {
  version += 1;
  const { orgId, agentId } = fixture.identity;
  const bundle = bundleOf(orgId, ...statements);
  const manifest = authority.manifest(fixture.identity, bundle, { version });
  const identity = { orgId, agentId, commandKeys: [authority.key] };
  if (!(await keeper().apply(manifest, bundle.bytes, identity))) throw new Error('refused');
}

interface Refused {
  readonly code: string;
  readonly message: string;
  readonly details: { readonly extensions?: Record<string, unknown> };
}

const refusalOf = (asked: Promise<unknown>): Promise<Refused | undefined> =>
  asked.then(
    () => undefined,
    (error: Refused) => error,
  );
const codeOf = async (asked: Promise<unknown>) => (await refusalOf(asked))?.code;
const tagged = (path: string, tags: Record<string, string>) =>
  fixture.vault.put(caller(), { path, value: Buffer.from('value'), tags });
const usage = async () => {
  fixture.clock.advance(120_000);
  await fixture.agent.reportUsage();
  return fixture
    .told()
    .filter(([type]) => type === 'UsageReported')
    .flatMap(([, data]) => data['rows'] as Record<string, unknown>[]);
};

const everything = statement({ actions: ['*'], resources: ['**', '@vault'] });

describe('a vault with a policy', () => {
  it('asks it after the key: both have to allow', async () => {
    await fixture.put('team/db', 'v');
    await hold(statement({ resources: ['team/**'] }));
    expect(await codeOf(fixture.vault.value(caller(), 'team/db'))).toBeUndefined();
    expect(await codeOf(fixture.vault.value(caller({ grants: [] }), 'team/db'))).toBe('auth.forbidden');
    expect(await codeOf(fixture.vault.metadata(caller(), 'team/db'))).toBe('auth.forbidden');
    await hold(everything, statement({ id: 'no', effect: 'deny', resources: ['team/db'] }));
    expect(await codeOf(fixture.vault.value(caller(), 'team/db'))).toBe('auth.forbidden');
    expect(await codeOf(fixture.vault.metadata(caller(), 'team/db'))).toBeUndefined();
  });

  it('puts every refusal of it on record as one of the policy, under its version', async () => {
    await fixture.put('team/db', 'v');
    await hold(statement({ actions: ['metadata'] }));
    await codeOf(fixture.vault.value(caller(), 'team/db'));
    await codeOf(fixture.vault.value(caller({ grants: [] }), 'team/db'));
    await fixture.vault.metadata(caller(), 'team/db');
    const denials = fixture.told().filter(([type]) => type === 'AccessDenied');
    expect(denials.map(([, { reason }]) => reason)).toEqual(['denied-by-policy', 'not-allowed']);
    expect(denials[0]?.[1]).toMatchObject({
      ...{ secret: 'team/db', action: 'read', principal: 'app:billing', groups: ['payments'] },
      ...{ network: '10.1.2.0/24', method: 'api-key', secondFactor: false, client: 'curl/8.1' },
    });
    const lines = (await fixture.audit()).filter(({ outcome }) => outcome === 'denied');
    expect(lines.map(({ code }) => code)).toEqual(['auth.forbidden', 'auth.forbidden']);
    const rows = (await usage()).map((row) => [row['action'], row['outcome'], row['policyVersion']]);
    expect(rows).toContainEqual(['create', 'allowed', null]);
    expect(rows).toContainEqual(['read', 'denied', 1]);
    expect(rows).toContainEqual(['read', 'denied', null]);
    expect(rows).toContainEqual(['metadata', 'allowed', 1]);
    expect(rows).toHaveLength(4);
  });

  it('repro: counts what it was never asked about under no policy, so that nobody can blame it for his own tries', async () => {
    await fixture.put('team/db', 'v');
    await hold(everything);
    const keyless = caller({ grants: [{ prefix: 'other', actions: ['*'] }] });
    for (const who of [stranger, { ...stranger, credential: 'missing' as const }, keyless]) {
      expect(await codeOf(fixture.vault.value(who, 'team/db'))).toMatch(/^auth\./);
      expect(await codeOf(fixture.put('team/db', 'x', { caller: who }))).toMatch(/^auth\./);
      expect(await codeOf(fixture.vault.list({ ...who, grants: [] }, { prefix: '', limit: 1 }))).toMatch(
        /^auth\./,
      );
    }
    await fixture.vault.value(caller(), 'team/db');
    const rows = await usage();
    const denied = rows.filter(({ outcome }) => outcome === 'denied');
    expect(denied.length).toBeGreaterThan(4);
    expect(denied.map(({ policyVersion }) => policyVersion)).toEqual(denied.map(() => null));
    expect(rows).toContainEqual(
      expect.objectContaining({ action: 'read', outcome: 'allowed', policyVersion: 1 }),
    );
  });

  it.each<[string, string, Partial<Caller>, Partial<Caller>]>([
    ['who asks', "principal == 'app:billing'", {}, { principal: 'app:web' }],
    ['groups', "'payments' in groups", {}, { groups: [] }],
    ['the method', "method == 'api-key'", {}, { method: 'jwt' }],
    ['the client', "client.startsWith('curl/')", {}, { client: null }],
    ['the network', "address.inNetwork('10.0.0.0/8')", {}, { address: '192.168.0.1' }],
    ['the reason', "reason.contains('INC-')", { reason: 'INC-7' }, { reason: null }],
  ])('lets it look at %s', async (_what, condition, allowed, denied) => {
    await fixture.put('team/db', 'v');
    await hold(statement({ condition }));
    expect(await codeOf(fixture.vault.value(caller(allowed), 'team/db'))).toBeUndefined();
    expect(await codeOf(fixture.vault.value(caller(denied), 'team/db'))).toBe('auth.forbidden');
  });

  it('lets it look at the time', async () => {
    await fixture.put('team/db', 'v');
    await hold(statement({ condition: "time < timestamp('2026-01-01T01:00:00Z')" }));
    expect(await codeOf(fixture.vault.value(caller(), 'team/db'))).toBeUndefined();
    fixture.clock.advance(3_600_000);
    expect(await codeOf(fixture.vault.value(caller(), 'team/db'))).toBe('auth.forbidden');
  });

  it('lets it look at tags without opening a value, and tells nobody who is refused whether there is a secret', async () => {
    await tagged('team/dev', { env: 'dev' });
    await tagged('team/prod', { env: 'prod' });
    const dev = { condition: "tags.env == 'dev'" };
    await hold(statement({ ...dev, actions: ['read', 'update', 'delete', 'rotate'] }));
    expect(await codeOf(fixture.vault.value(caller(), 'team/dev'))).toBeUndefined();
    const refusals = await Promise.all(
      ['team/prod', 'team/none'].flatMap((path) => [
        refusalOf(fixture.vault.value(caller(), path)),
        refusalOf(fixture.put(path, 'x')),
        refusalOf(fixture.vault.remove(caller(), path)),
        refusalOf(fixture.vault.rotate(caller(), { path, length: 8, alphabet: 'hex' })),
      ]),
    );
    expect(new Set(refusals.map((one) => `${one?.code} ${one?.message}`)).size).toBe(1);
    expect(refusals[0]?.code).toBe('auth.forbidden');
    // Tags that could not be decided about are no way in either.
    await hold(everything, statement({ id: 'no-prod', effect: 'deny', condition: "tags.env == 'prod'" }));
    const [there, absent] = await Promise.all(
      ['team/prod', 'team/none'].map((path) =>
        refusalOf(fixture.vault.value(caller({ grants: [{ prefix: 'team', actions: ['read'] }] }), path)),
      ),
    );
    expect([there?.code, there?.message]).toEqual([absent?.code, absent?.message]);
    // Allowed for what has no such tag: whether a path is one of those is not for whoever is refused to find out.
    await hold(statement({ condition: "!('env' in tags)" }));
    expect(await codeOf(fixture.vault.value(caller(), 'team/prod'))).toBe('auth.forbidden');
    expect(await codeOf(fixture.vault.value(caller(), 'team/none'))).toBe('auth.forbidden');
    await hold(everything);
    expect(await codeOf(fixture.vault.value(caller(), 'team/none'))).toBe('secret.not-found');
  });

  it('names the statement that decided to those who may see what it looked at', async () => {
    await tagged('team/prod', { env: 'prod' });
    await hold(everything, statement({ id: 'no-prod', effect: 'deny', condition: "tags.env == 'prod'" }));
    const open = await refusalOf(fixture.vault.value(caller(), 'team/prod'));
    expect(open?.message).toContain('/no-prod');
    expect(open?.details.extensions?.['statement']).toMatch(/^pol_.*\/no-prod$/);
    const reader = caller({ grants: [{ prefix: 'team', actions: ['read'] }] });
    const closed = await refusalOf(fixture.vault.value(reader, 'team/prod'));
    expect(closed?.details.extensions).toBeUndefined();
    expect(closed?.message).not.toContain('no-prod');
  });

  it('decides about creating and changing each by itself', async () => {
    await fixture.put('team/db', 'v');
    await hold(statement({ actions: ['update'] }));
    expect(await codeOf(fixture.put('team/db', 'w'))).toBeUndefined();
    expect(await codeOf(fixture.put('team/new', 'w'))).toBe('auth.forbidden');
    await hold(statement({ actions: ['create'] }));
    expect(await codeOf(fixture.put('team/new', 'w'))).toBeUndefined();
    expect(await codeOf(fixture.put('team/new', 'x'))).toBe('auth.forbidden');
  });

  it('lists what may be listed, in full pages, and nothing of the rest', async () => {
    for (let n = 0; n < 12; n += 1) await tagged(`team/${10 + n}`, { env: n % 3 === 0 ? 'dev' : 'prod' });
    await hold(statement({ actions: ['list'], condition: "tags.env == 'dev'" }));
    const page = await fixture.vault.list(caller(), { prefix: '', limit: 3 });
    expect(page.map(({ path }) => path)).toEqual(['team/10', 'team/13', 'team/16']);
    const rest = await fixture.vault.list(caller(), { prefix: '', limit: 3, after: 'team/16' });
    expect(rest.map(({ path }) => path)).toEqual(['team/19']);
    await hold(statement({ actions: ['read'] }));
    expect(await fixture.vault.list(caller(), { prefix: '', limit: 3 })).toEqual([]);
    expect(await codeOf(fixture.vault.list(caller({ grants: [] }), { prefix: '', limit: 3 }))).toBe(
      'auth.forbidden',
    );
  });

  it('shows whoever may audit a place no line of what he is denied below it', async () => {
    await tagged('team/db', {});
    await tagged('team/key', { env: 'prod' });
    await tagged('other', {});
    const no = { id: 'no', effect: 'deny' as const, actions: ['audit' as const] };
    await hold(everything, statement({ ...no, resources: ['team/key'] }));
    const shown = async () => {
      const lines = await fixture.audit();
      const asked = { caller: caller(), action: 'audit', path: null } as const;
      return (await linesAllowed(fixture.agent.parts, asked, lines)).map(({ path }) => path);
    };
    expect(await shown()).toEqual(['team/db', 'other']);
    await hold(everything);
    expect(await shown()).toEqual(['team/db', 'team/key', 'other']);
  });

  it('asks it about the vault as a whole without a path', async () => {
    await hold(statement({ actions: ['*'] }));
    expect(await codeOf(fixture.agent.rotation.rotate(caller()))).toBe('auth.forbidden');
    await hold(statement({ actions: ['keys'], resources: ['@vault'] }));
    expect(await codeOf(fixture.agent.rotation.rotate(caller()))).toBeUndefined();
  });

  it('does not ask it about what the agent does by itself', async () => {
    await fixture.put('team/db', 'v');
    await hold(statement({ principals: ['nobody'] }));
    expect(
      await codeOf(fixture.vault.rotate(SELF, { path: 'team/db', length: 8, alphabet: 'hex' })),
    ).toBeUndefined();
    const impostor = caller({ principal: SELF.principal, method: 'local' });
    expect(
      await codeOf(fixture.vault.rotate(impostor, { path: 'team/db', length: 8, alphabet: 'hex' })),
    ).toBe('auth.forbidden');
  });
});

describe('under any policy', () => {
  const segment = fc.constantFrom('a', 'b', 'ab');
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const action = fc.constantFrom(...SECRET_ACTIONS);
  const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 });
  const resource = fc.oneof(path, fc.constantFrom('**', 'a/**', '*/b', '@vault'));
  const rule = fc.record({
    effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
    principals: some(fc.constantFrom('*', 'app:*', 'app:a', '@ops')),
    actions: some(fc.oneof(action, fc.constant('*' as const))),
    resources: some(resource),
    condition: fc.constantFrom(undefined, "tags.env == 'dev'", "address.inNetwork('10.0.0.0/8')"),
  });
  const grant = fc.record({
    prefix: fc.oneof(fc.constant(''), path),
    actions: some(fc.oneof(action, fc.constant('*'))),
  });
  const asked = fc.record({
    grants: fc.array(grant, { maxLength: 3 }),
    principal: fc.constantFrom('app:a', 'app:b', 'ci:x'),
    groups: fc.constantFrom<string[][]>([], ['ops']),
    address: fc.constantFrom('10.0.0.1', '192.168.0.1', null),
    action,
    path: fc.option(path, { freq: 5 }),
  });

  it('nothing is ever allowed that the key is not granted', async () => {
    await tagged('a', { env: 'dev' });
    await tagged('a/b', { env: 'prod' });
    const seen = { allowed: 0, denied: 0, byGrants: 0 };
    await fc.assert(
      fc.asyncProperty(some(rule), some(asked), async (rules, requests) => {
        const policy = rules.map(({ condition, ...rest }, n) =>
          statement({ ...rest, id: `s${n}`, ...(condition !== undefined && { condition }) }),
        );
        await hold(...policy);
        for (const { action: wanted, path: where, ...who } of requests) {
          const operation = { caller: caller(who), action: wanted, path: where };
          const refused = await codeOf(authorise(fixture.agent.parts, operation));
          const granted = isAllowed(operation.caller, wanted, where);
          if (refused === undefined) expect(granted).toBe(true);
          seen[refused === undefined ? 'allowed' : granted ? 'denied' : 'byGrants'] += 1;
        }
      }),
      { numRuns: 150 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(5);
  });
});
