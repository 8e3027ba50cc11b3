import { verifyChain } from '@keyfleet/crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { TestClock } from '@keyfleet/testing';
import type { Caller } from '../access/caller.js';
import { Trail } from '../audit/trail.js';
import { NameGuard } from '../names/guard.js';
import type { Change, VaultStorage } from '../storage/port.js';
import { caller, stranger, VaultFixture } from './fixture.contract.js';
import { Health } from './health.js';

let fixture: VaultFixture;
beforeEach(async () => {
  fixture = await VaultFixture.open();
  await fixture.put('a', 'value of a');
});
afterEach(() => fixture.destroy());

const degraded = expect.objectContaining({ code: 'vault.degraded' });

/** SQLite itself refuses to grow the file, as on a full disk. */
function fullDisk(): { repair(): void } {
  const { handle } = fixture.agent.database;
  const pages = handle.pragma('page_count', { simple: true });
  handle.pragma(`max_page_count = ${pages}`);
  return { repair: () => void handle.pragma('max_page_count = 1000000') };
}

/** Until a page is full; with test time nothing else happens meanwhile. */
async function fillPages(): Promise<number> {
  for (let reads = 1; ; reads += 1) {
    await fixture.read('a');
    if (fixture.agent.parts.health.storage === 'degraded') return reads;
    if (reads > 5_000) throw new Error('the disk never filled');
  }
}

describe('F11: a disk that refuses', () => {
  it('is told at once, refuses every change, goes on serving reads, and loses no line of them', async () => {
    const disk = fullDisk();
    const before = (await fixture.audit()).length;
    let reads = await fillPages();
    const told = fixture.told().length;
    for (const change of [
      () => fixture.put('a', 'another'),
      () => fixture.put('new', 'x'),
      () => fixture.vault.remove(caller(), 'a'),
      () => fixture.vault.rotate(caller(), { path: 'a', length: 8, alphabet: 'hex' }),
      () => fixture.agent.rotation.rotate(caller()),
    ])
      await expect(change()).rejects.toEqual(degraded);
    for (let n = 0; n < 25; n += 1) expect(await fixture.read('a')).toBe('value of a');
    reads += 25;
    expect(fixture.told()).toHaveLength(told);
    await expect(fixture.agent.parts.trail.recover()).rejects.toEqual(degraded);
    expect(fixture.agent.parts.health.storage).toBe('degraded');

    fixture.clock.advance(5_000);
    disk.repair();
    await fixture.agent.parts.trail.recover();
    expect(fixture.agent.parts.health.storage).toBe('ok');
    expect(await fixture.read('a')).toBe('value of a');
    await fixture.put('a', 'another');
    expect(
      fixture
        .told()
        .slice(told)
        .map(([type, data]) => [type, data['storage']]),
    ).toEqual([
      ['HealthChanged', 'degraded'],
      ['HealthChanged', 'ok'],
      ['SecretUpdated', undefined],
    ]);
    const [fell, rose] = fixture.events().slice(told);
    expect(fell && rose && fell.at < rose.at).toBe(true);
    const lines = await fixture.audit();
    expect(lines.slice(before).filter(({ action }) => action === 'read')).toHaveLength(reads + 1);
    expect(lines.filter(({ code }) => code === 'vault.degraded')).toHaveLength(5);
    expect(verifyChain(lines, { seq: 0, hash: '0'.repeat(64) }).intact).toBe(true);
    fixture.clock.advance(120_000);
    await fixture.agent.reportUsage();
    const counted = fixture
      .told()
      .filter(([type]) => type === 'UsageReported')
      .flatMap(([, data]) => data['rows'] as { action: string; count: number }[])
      .filter(({ action }) => action === 'read')
      .reduce((sum, { count }) => sum + count, 0);
    expect(counted).toBe(reads + 1);
  });

  it('repro: keeps serving those with a key, and refusing strangers, however many ask without one', async () => {
    const disk = fullDisk();
    await fillPages();
    const answers = new Set<string>();
    for (let asked = 0; asked < 50_100; asked += 100) {
      const batch = Array.from({ length: 100 }, (_, n) =>
        fixture.vault
          .value({ ...stranger, client: `name/${n}` }, `guess/${n}`)
          .catch(({ code }) => answers.add(code)),
      );
      await Promise.all(batch);
    }
    expect([...answers]).toEqual(['auth.required']);
    expect(await fixture.read('a')).toBe('value of a');
    disk.repair();
    await fixture.agent.parts.trail.recover();
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    const lines = await fixture.audit();
    const ofStrangers = lines.filter(({ principal }) => principal === 'anonymous');
    expect(ofStrangers).toHaveLength(301);
    expect(ofStrangers.at(-1)?.leftOut).toBe(49_800);
    const rows = fixture
      .told()
      .flatMap(([, data]) => (data['rows'] ?? []) as { principal: string; count: number }[])
      .filter(({ principal }) => principal === 'anonymous');
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(50_100);
  });

  it('changes nothing of what an interrupted change would have left: value, version, entry, line', async () => {
    const disk = fullDisk();
    const lines = (await fixture.audit()).length;
    const told = fixture.told();
    const big = Buffer.alloc(500_000, 7);
    await expect(fixture.vault.put(caller(), { path: 'a', value: big })).rejects.toEqual(degraded);
    expect(await fixture.read('a')).toBe('value of a');
    expect(fixture.told()).toEqual(told);
    expect(await fixture.audit()).toHaveLength(lines);
    disk.repair();
    await fixture.agent.parts.trail.recover();
    expect((await fixture.audit()).slice(lines).map(({ action, code }) => [action, code])).toEqual([
      ['update', 'vault.degraded'],
      ['read', null],
    ]);
    const { version } = await fixture.put('a', 'another');
    expect(version).toBe(2);
  });

  it('shows in the health that beats carry, and says when it changes', async () => {
    const heard: string[] = [];
    const { health } = fixture.agent.parts;
    health.onChange(() => heard.push(health.storage));
    const disk = fullDisk();
    await fillPages();
    await fillPages();
    disk.repair();
    await fixture.agent.parts.trail.recover();
    await fixture.agent.parts.trail.recover();
    expect(heard).toEqual(['degraded', 'ok']);
  });
});

describe('S34: what is held in memory while the disk refuses', () => {
  it('has a limit, and past it nothing is served without a record', async () => {
    const written: Change[] = [];
    let refusing = true;
    const apply = async (change: Change) => {
      if (refusing) throw new KeyfleetError('vault.degraded');
      written.push(change);
    };
    const storage = { apply } as unknown as VaultStorage;
    const health = new Health();
    const guard = new NameGuard({ hashPaths: false });
    const trail = new Trail({ storage, guard, health, clock: new TestClock(), maxHeld: 3 });
    const operation = { caller: caller(), action: 'read', path: 'a' } as const;
    for (let n = 0; n < 3; n += 1) await trail.read(operation, n);
    await expect(trail.read(operation)).rejects.toEqual(degraded);
    refusing = false;
    await trail.recover();
    expect(written.flatMap(({ audit }) => audit ?? []).map(({ version }) => version)).toEqual([0, 1, 2]);
    await trail.read(operation, 3);
    expect(written.flatMap(({ audit }) => audit ?? [])).toHaveLength(4);
  });

  it('has a small room for strangers beside it, past which they are counted and told of', async () => {
    const written: Change[] = [];
    let refusing = true;
    const apply = async (change: Change) => {
      if (refusing) throw new KeyfleetError('vault.degraded');
      written.push(change);
    };
    const storage = { apply } as unknown as VaultStorage;
    const guard = new NameGuard({ hashPaths: false });
    const clock = new TestClock();
    const trail = new Trail({ storage, guard, health: new Health(), clock, maxHeld: 100 });
    const ask = (who: Caller) =>
      trail.failed({ caller: who, action: 'read', path: 'a' }, new KeyfleetError('auth.required'));
    // Every hour another class, so that there are more of them than room.
    for (let hour = 0; hour < 5; hour += 1) {
      for (let n = 0; n < 10; n += 1) await ask(stranger);
      clock.advance(3_600_000);
    }
    const operation = { caller: caller(), action: 'read', path: 'a' } as const;
    for (let n = 0; n < 100; n += 1) await trail.read(operation, n);
    await expect(trail.read(operation)).rejects.toEqual(degraded);
    refusing = false;
    await trail.recover();
    await trail.tellLeftOut();
    const lines = written.flatMap(({ audit }) => audit ?? []);
    const ofStrangers = lines.filter(({ principal }) => principal === 'anonymous');
    expect([lines.length, ofStrangers.length, ofStrangers.at(-1)?.leftOut]).toEqual([103, 3, 48]);
    const counts = written
      .flatMap(({ usage }) => usage ?? [])
      .filter(({ of }) => of.principal === 'anonymous');
    expect(counts.map(({ minute, count }) => [minute.slice(11, 16), count])).toEqual([
      ...[
        ['00:00', 1],
        ['00:00', 1],
        ['00:00', 8],
        ['01:00', 10],
      ],
    ]);
  });
});
