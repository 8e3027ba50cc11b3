import { usageRow } from '@keyfleet/contracts/events';
import { verifyChain } from '@keyfleet/crypto';
import { caller, stranger, VaultFixture } from './fixture.contract.js';

let fixture: VaultFixture;
beforeEach(async () => {
  fixture = await VaultFixture.open();
});
afterEach(() => fixture.destroy());

const code = (of: string) => expect.objectContaining({ code: of });
const by = { principal: 'app:billing' };

describe('a secret', () => {
  it('has versions that can all be read, each with who made it and when', async () => {
    const created = await fixture.put('team/db', 'first');
    fixture.clock.advance(1_000);
    const updated = await fixture.put('team/db', 'second', { caller: caller({ principal: 'ci:deploy' }) });
    expect(created).toMatchObject({ created: true, version: 1, path: 'team/db', size: 5 });
    expect(updated).toMatchObject({ created: false, version: 2, createdAt: created.createdAt, size: 6 });
    expect(updated.updatedAt > created.updatedAt).toBe(true);
    expect([await fixture.read('team/db'), await fixture.read('team/db', 1)]).toEqual(['second', 'first']);
    const { current, items } = await fixture.vault.versions(caller(), 'team/db', { limit: 10 });
    expect(current).toBe(2);
    expect(items.map(({ version, createdBy }) => [version, createdBy])).toEqual([
      [2, 'ci:deploy'],
      [1, 'app:billing'],
    ]);
    const { created: _, ...metadata } = updated;
    expect(await fixture.vault.metadata(caller(), 'team/db')).toEqual(metadata);
    expect(fixture.told()).toEqual([
      ['SecretCreated', { path: 'team/db', version: 1, ...by }],
      ['SecretUpdated', { path: 'team/db', version: 2, principal: 'ci:deploy' }],
    ]);
  });

  it('takes any bytes, none of them included', async () => {
    for (const value of [Buffer.alloc(0), Buffer.from([0, 255, 10, 13]), Buffer.alloc(1_048_576, 7)]) {
      await fixture.vault.put(caller(), { path: 'any', value });
      expect((await fixture.vault.value(caller(), 'any')).value.equals(value)).toBe(true);
    }
  });

  it('is changed only from the version the caller expects', async () => {
    await expect(fixture.put('a', 'x', { expectedVersion: 1 })).rejects.toEqual(
      code('secret.version-mismatch'),
    );
    await fixture.put('a', 'x', { expectedVersion: 0 });
    await expect(fixture.put('a', 'y', { expectedVersion: 0 })).rejects.toEqual(
      code('secret.version-mismatch'),
    );
    await expect(fixture.vault.remove(caller(), 'a', 2)).rejects.toEqual(code('secret.version-mismatch'));
    await fixture.put('a', 'y', { expectedVersion: 1 });
    const rivals = ['p', 'q', 'r'].map((value) => fixture.put('a', value, { expectedVersion: 2 }));
    const outcomes = (await Promise.allSettled(rivals)).map(({ status }) => status).sort();
    expect(outcomes).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('takes every one of many writes at once where nobody expects anything', async () => {
    await Promise.all(['p', 'q', 'r', 's'].map((value) => fixture.put('a', value)));
    const { current, items } = await fixture.vault.versions(caller(), 'a', { limit: 10 });
    expect([current, items.length]).toEqual([4, 4]);
    expect(fixture.told().map(([type]) => type)).toEqual([
      'SecretCreated',
      'SecretUpdated',
      'SecretUpdated',
      'SecretUpdated',
    ]);
  });

  it('goes back to an older value as a new version', async () => {
    await fixture.put('a', 'first');
    await fixture.put('a', 'second');
    const rolled = await fixture.vault.rollback(caller(), { path: 'a', version: 1 });
    expect(rolled.version).toBe(3);
    expect([await fixture.read('a'), await fixture.read('a', 2)]).toEqual(['first', 'second']);
    const missing = fixture.vault.rollback(caller(), { path: 'a', version: 9 });
    await expect(missing).rejects.toEqual(code('secret.version-not-found'));
    expect(fixture.told().at(-1)).toEqual(['SecretUpdated', { path: 'a', version: 3, ...by }]);
  });

  it('is rotated to a generated value of the length and letters asked for', async () => {
    await fixture.put('a', 'first');
    await fixture.vault.rotate(caller(), { path: 'a', length: 40, alphabet: 'hex' });
    const one = await fixture.read('a');
    await fixture.vault.rotate(caller(), { path: 'a', length: 40, alphabet: 'hex' });
    expect(one).toMatch(/^[0-9a-f]{40}$/);
    expect(await fixture.read('a')).not.toBe(one);
    expect(fixture.told().at(-1)).toEqual([
      'SecretRotated',
      { path: 'a', version: 3, ...by, strategy: 'generated' },
    ]);
    const nowhere = fixture.vault.rotate(caller(), { path: 'b', length: 8, alphabet: 'hex' });
    await expect(nowhere).rejects.toEqual(code('secret.not-found'));
  });

  it('is gone with all its versions once deleted, and is another secret when made again', async () => {
    await fixture.put('a', 'first');
    const before = await fixture.put('a', 'second');
    await fixture.vault.remove(caller(), 'a');
    await expect(fixture.read('a')).rejects.toEqual(code('secret.not-found'));
    await expect(fixture.read('a', 1)).rejects.toEqual(code('secret.not-found'));
    await expect(fixture.vault.remove(caller(), 'a')).rejects.toEqual(code('secret.not-found'));
    const again = await fixture.put('a', 'third');
    expect(again).toMatchObject({ created: true, version: 1 });
    expect(again.id).not.toBe(before.id);
    expect(fixture.told().slice(2)).toEqual([
      ['SecretDeleted', { path: 'a', versions: 2, ...by }],
      ['SecretCreated', { path: 'a', version: 1, ...by }],
    ]);
  });

  it('is there after the process was started again', async () => {
    await fixture.put('team/db', 'first');
    await fixture.restart();
    expect(await fixture.read('team/db')).toBe('first');
  });
});

describe('who may do what', () => {
  const billing = caller({
    grants: [
      { prefix: 'team/billing', actions: ['read', 'update', 'list'] },
      { prefix: 'shared', actions: ['read'] },
    ],
  });

  it('is decided before anything is looked up: what is absent and what is forbidden answer alike', async () => {
    await fixture.put('team/payroll', 'x');
    const forbidden = code('auth.forbidden');
    for (const path of ['team/payroll', 'team/nowhere', 'team/billing2', 'team']) {
      await expect(fixture.vault.value(billing, path)).rejects.toEqual(forbidden);
      await expect(fixture.vault.metadata(billing, path)).rejects.toEqual(forbidden);
      await expect(fixture.put(path, 'y', { caller: billing })).rejects.toEqual(forbidden);
      await expect(fixture.vault.remove(billing, path)).rejects.toEqual(forbidden);
      await expect(fixture.vault.versions(billing, path, { limit: 1 })).rejects.toEqual(forbidden);
      await expect(fixture.vault.rollback(billing, { path, version: 1 })).rejects.toEqual(forbidden);
    }
    await expect(fixture.read('team/payroll')).resolves.toBe('x');
  });

  it('covers whole segments below a prefix, for the actions granted and no others', async () => {
    await fixture.put('team/billing/db', 'x');
    await fixture.put('shared', 'y');
    await fixture.put('team/billing/db', 'z', { caller: billing });
    expect((await fixture.vault.value(billing, 'team/billing/db')).value.toString()).toBe('z');
    expect((await fixture.vault.value(billing, 'shared')).value.toString()).toBe('y');
    const create = fixture.put('team/billing/new', 'n', { caller: billing });
    await expect(create).rejects.toEqual(code('auth.forbidden'));
    await expect(fixture.put('shared', 'n', { caller: billing })).rejects.toEqual(code('auth.forbidden'));
    expect(await fixture.agent.parts.storage.countSecrets()).toBe(2);
  });

  it('lists only what may be listed, and nothing to those who may list nothing', async () => {
    for (const path of ['team/billing/a', 'team/billing/b', 'team/payroll', 'shared'])
      await fixture.put(path, 'x');
    const page = { prefix: '', limit: 10 };
    const listed = await fixture.vault.list(billing, page);
    expect(listed.map(({ path }) => path)).toEqual(['team/billing/a', 'team/billing/b']);
    expect(await fixture.vault.list(caller(), page)).toHaveLength(4);
    const reader = caller({ grants: [{ prefix: 'team', actions: ['read'] }] });
    await expect(fixture.vault.list(reader, page)).rejects.toEqual(code('auth.forbidden'));
  });

  it('needs a grant for everything where the vault as a whole is concerned', async () => {
    await expect(fixture.agent.rotation.rotate(billing)).rejects.toEqual(code('auth.forbidden'));
    expect(await fixture.agent.rotation.rotate(caller())).toBe(2);
  });

  it('is nothing without a credential the agent knows', async () => {
    await expect(fixture.vault.value(stranger, 'team/db')).rejects.toEqual(code('auth.required'));
    const nobody = caller({ credential: 'missing' });
    await expect(fixture.vault.list(nobody, { prefix: '', limit: 1 })).rejects.toEqual(code('auth.required'));
  });
});

describe('what is told of a refusal', () => {
  const outsider = caller({
    principal: 'app:other',
    groups: ['web'],
    grants: [],
    address: '10.9.8.7',
    client: null,
  });

  it('is its class and why, and of a stranger not what was asked for', async () => {
    await fixture.vault.value(outsider, 'team/db').catch(() => undefined);
    await fixture.vault.value(stranger, 'guess/1').catch(() => undefined);
    const nobody = { ...stranger, credential: 'missing' as const };
    await fixture.vault.metadata(nobody, 'guess/2').catch(() => undefined);
    const of = { action: 'read', secondFactor: false };
    expect(fixture.told()).toEqual([
      [
        'AccessDenied',
        {
          ...of,
          secret: 'team/db',
          principal: 'app:other',
          groups: ['web'],
          network: '10.9.8.0/24',
          method: 'api-key',
          client: null,
          reason: 'not-allowed',
        },
      ],
      [
        'AccessDenied',
        expect.objectContaining({
          ...of,
          secret: null,
          principal: 'anonymous',
          reason: 'unknown-credential',
        }),
      ],
      [
        'AccessDenied',
        expect.objectContaining({ secret: null, action: 'metadata', reason: 'no-credential' }),
      ],
    ]);
  });

  it('is told five times a minute for the same, and counted every time', async () => {
    const tries = Array.from({ length: 40 }, () =>
      fixture.vault.value(outsider, 'team/db').catch(() => undefined),
    );
    await Promise.all(tries);
    await fixture.vault.value(outsider, 'team/other').catch(() => undefined);
    expect(fixture.told()).toHaveLength(6);
    fixture.clock.advance(62_000);
    await fixture.vault.value(outsider, 'team/db').catch(() => undefined);
    expect(fixture.told()).toHaveLength(7);
    await fixture.agent.reportUsage();
    const [, usage] = fixture.told().at(-1) as [string, { rows: { secret: string; count: number }[] }];
    expect(usage.rows.map(({ secret, count }) => [secret, count]).sort()).toEqual([
      ['team/db', 40],
      ['team/other', 1],
    ]);
  });
});

describe('usage', () => {
  it('is told once per minute that is over, by class, and every operation is in it', async () => {
    await fixture.put('team/db', 'x');
    await Promise.all(Array.from({ length: 25 }, () => fixture.read('team/db')));
    await fixture.read('nowhere').catch(() => undefined);
    await fixture.vault.list(caller(), { prefix: '', limit: 1 });
    await fixture.agent.reportUsage();
    expect(fixture.told()).toHaveLength(1);
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    await fixture.agent.reportUsage();
    const reports = fixture.told().slice(1);
    expect(reports).toHaveLength(1);
    const [type, { minute, part, rows }] = reports[0] as [
      string,
      { minute: string; part: number; rows: object[] },
    ];
    expect([type, minute, part]).toEqual(['UsageReported', '2026-01-01T00:00:00.000Z', 1]);
    const counted = rows.map((row) => usageRow.parse(row));
    expect(counted.map((row) => [row.action, row.secret, row.outcome, row.count]).sort()).toEqual([
      ['create', 'team/db', 'allowed', 1],
      ['list', null, 'allowed', 1],
      ['read', 'nowhere', 'not-found', 1],
      ['read', 'team/db', 'allowed', 25],
    ]);
    expect(counted[0]).toMatchObject({
      principal: 'app:billing',
      groups: ['payments'],
      network: '10.1.2.0/24',
      method: 'api-key',
      secondFactor: false,
      client: 'curl/8.1',
      policyVersion: null,
    });
  });

  it('is told in as many parts as it needs, each fit for an entry, and late counts in one more', async () => {
    const groups = Array.from({ length: 8 }, (_, n) => `a-group-with-a-rather-long-name-${n}`);
    for (let n = 0; n < 450; n += 1)
      await fixture.vault.metadata(caller({ groups }), `team/a-long-name/${n}`).catch(() => undefined);
    const counts = () =>
      fixture.told().map(([, data]) => {
        const { part, rows } = data as { part: number; rows: { count: number }[] };
        return [part, rows.reduce((sum, { count }) => sum + count, 0)];
      });
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    const parts = counts();
    expect(parts.length).toBeGreaterThan(3);
    expect(parts.map(([part]) => part)).toEqual(parts.map((_, index) => index + 1));
    expect(parts.reduce((sum, [, count]) => sum + (count as number), 0)).toBe(450);

    fixture.clock.jumpTo('2026-01-01T00:00:30.000Z');
    await fixture.vault.metadata(caller(), 'late').catch(() => undefined);
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    expect(counts().at(-1)).toEqual([parts.length + 1, 1]);
  });

  it('survives the process, as do the lines it was counted from', async () => {
    await fixture.put('team/db', 'x');
    await fixture.restart();
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    expect(fixture.told().at(-1)).toMatchObject([
      'UsageReported',
      { rows: [{ action: 'create', count: 1 }] },
    ]);
  });
});

describe('audit', () => {
  it('has one line for every operation, whatever came of it', async () => {
    await fixture.put('a', 'x');
    await fixture.put('a', 'y');
    await fixture.read('a', 1);
    await fixture.read('a', 7).catch(() => undefined);
    await fixture.put('a', 'z', { expectedVersion: 9 }).catch(() => undefined);
    await fixture.vault.value(stranger, 'a').catch(() => undefined);
    await fixture.vault.list(caller(), { prefix: '', limit: 1 });
    await fixture.vault.rotate(caller(), { path: 'a', length: 9, alphabet: 'digits' });
    await fixture.vault.rollback(caller(), { path: 'a', version: 1 });
    await fixture.vault.remove(caller(), 'a');
    const lines = (await fixture.audit()).map((line) => [line.action, line.version, line.outcome, line.code]);
    expect(lines).toEqual([
      ['create', 1, 'allowed', null],
      ['update', 2, 'allowed', null],
      ['read', 1, 'allowed', null],
      ['read', null, 'not-found', 'secret.version-not-found'],
      ['update', null, 'failed', 'secret.version-mismatch'],
      ['read', null, 'denied', 'auth.required'],
      ['list', null, 'allowed', null],
      ['rotate', 3, 'allowed', null],
      ['rollback', 4, 'allowed', null],
      ['delete', 4, 'allowed', null],
    ]);
  });
});

describe('F27: a week without the control plane', () => {
  it('changes nothing locally, and every entry of it waits in order', async () => {
    await fixture.put('team/db', 'first');
    for (let hour = 1; hour <= 7 * 24; hour += 1) {
      fixture.clock.advance(3_600_000);
      await fixture.vault.rotate(caller(), { path: 'team/db', length: 16, alphabet: 'hex' });
      expect(await fixture.read('team/db')).toHaveLength(16);
      await fixture.agent.reportUsage();
      fixture.agent.journal.prune(fixture.clock.now());
    }
    const entries = fixture.events();
    expect(verifyChain(entries, { seq: 0, hash: fixture.identity.prev })).toMatchObject({ intact: true });
    expect(entries.filter(({ type }) => type === 'SecretRotated')).toHaveLength(7 * 24);
    expect(entries.filter(({ type }) => type === 'UsageReported')).toHaveLength(7 * 24);
    const times = entries.map(({ at }) => at);
    expect([...times].sort()).toEqual(times);
  });
});
