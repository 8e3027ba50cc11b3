import { verifyChain } from '@keyfleet/crypto';
import { caller, VaultFixture } from '../vault/fixture.contract.js';

let fixture: VaultFixture;
beforeEach(async () => {
  fixture = await VaultFixture.open();
});
afterEach(() => fixture.destroy());

const dataKeys = async () =>
  (await fixture.agent.parts.storage.keys())
    .filter(({ purpose }) => purpose === 'data')
    .map(({ version, state, encryptions }) => ({ version, state, encryptions }));

async function fill(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => fixture.put(`team/${n}`, `value ${n}`)));
}

async function readAll(count: number): Promise<number> {
  const values = await Promise.all(Array.from({ length: count }, (_, n) => fixture.read(`team/${n}`)));
  return values.filter((value, n) => value === `value ${n}`).length;
}

describe('a rotated data key', () => {
  it('G13: leaves every value readable at every moment, takes them all over and destroys the old key', async () => {
    await fill(120);
    const version = await fixture.agent.rotation.rotate(caller());
    expect(version).toBe(2);
    let reads = 0;
    let done = false;
    const finished = fixture.agent.rotation.idle().then(() => {
      done = true;
    });
    while (!done) {
      expect(await readAll(120)).toBe(120);
      await fixture.put('team/7', 'value 7');
      reads += 1;
    }
    await finished;
    expect(reads).toBeGreaterThan(0);
    expect(fixture.failures).toEqual([]);
    const [only, ...others] = await dataKeys();
    expect(others).toEqual([]);
    expect(only).toMatchObject({ version: 2, state: 'active' });
    expect(await readAll(120)).toBe(120);
    await fixture.restart();
    expect(await readAll(120)).toBe(120);
  });

  it('is told when it comes into use, and again with what was re-wrapped once the old one is gone', async () => {
    await fill(30);
    await fixture.agent.rotation.rotate(caller());
    await fixture.agent.rotation.idle();
    const told = fixture.told().slice(30);
    expect(told).toEqual([
      ['KeyRotated', { keyVersion: 2, provider: 'file', rewrapped: 0 }],
      ['KeyRotated', { keyVersion: 2, provider: 'file', rewrapped: 30 }],
    ]);
    const lines = (await fixture.audit()).slice(30).map(({ action, principal }) => [action, principal]);
    expect(lines).toEqual([
      ['keys', 'app:billing'],
      ['keys', 'keyfleet:agent'],
    ]);
  });

  it('goes on re-wrapping after the process ended in the middle, as often as it does', async () => {
    await fill(200);
    await fixture.agent.rotation.rotate(caller());
    for (let round = 0; round < 3; round += 1) {
      // Closing stops the re-wrap after the batch it is at.
      await fixture.restart();
      expect(await readAll(200)).toBe(200);
    }
    await fixture.agent.rotation.idle();
    expect(await dataKeys()).toMatchObject([{ version: 2, state: 'active' }]);
    expect(fixture.failures).toEqual([]);
  });

  it('can be replaced while the one before is still being left', async () => {
    await fill(60);
    await fixture.agent.rotation.rotate(caller());
    await fixture.agent.rotation.rotate(caller());
    await fixture.agent.rotation.idle();
    expect(await dataKeys()).toMatchObject([{ version: 3, state: 'active' }]);
    expect(await readAll(60)).toBe(60);
  });

  it('is not destroyed while there is a value under it that cannot be opened', async () => {
    await fill(3);
    const { database } = await withBrokenRow();
    await fixture.agent.rotation.rotate(caller());
    await fixture.agent.rotation.idle();
    expect((await dataKeys()).map(({ state }) => state).sort()).toEqual(['active', 'retired']);
    expect(fixture.failures).toMatchObject([{ code: 'vault.integrity' }]);
    database.repair();
    fixture.agent.rotation.resume();
    await fixture.agent.rotation.idle();
    expect(await dataKeys()).toMatchObject([{ version: 2 }]);
    expect(await readAll(3)).toBe(3);
  });
});

async function withBrokenRow() {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(fixture.file);
  const select = database.prepare("SELECT envelope FROM versions WHERE path = 'team/1'").pluck();
  const update = database.prepare("UPDATE versions SET envelope = ? WHERE path = 'team/1'");
  const good = select.get() as Buffer;
  const bad = Buffer.from(good);
  bad.writeUInt8(bad.readUInt8(70) ^ 1, 70);
  update.run(bad);
  const repair = () => {
    update.run(good);
    database.close();
  };
  return { database: { repair } };
}

describe('S27: the encryptions under one key', () => {
  it('are counted in the transaction that uses it, and the next key comes at the limit', async () => {
    await fixture.restart({ maxEncryptions: 10 });
    for (let n = 0; n < 9; n += 1) await fixture.put('a', `${n}`);
    await fixture.put('a', 'x', { expectedVersion: 1 }).catch(() => undefined);
    expect(await dataKeys()).toEqual([{ version: 1, state: 'active', encryptions: 9 }]);
    for (let n = 0; n < 12; n += 1) await fixture.put('b', `${n}`);
    await fixture.agent.rotation.idle();
    const [key] = await dataKeys();
    expect(key?.version).toBeGreaterThan(1);
    expect(fixture.told().filter(([type]) => type === 'KeyRotated').length).toBeGreaterThan(0);
    expect(await fixture.read('b')).toBe('11');
  });

  it('are remembered over a restart', async () => {
    for (let n = 0; n < 5; n += 1) await fixture.put('a', `${n}`);
    await fixture.restart({ maxEncryptions: 5 });
    await fixture.put('a', 'one more');
    expect((await dataKeys()).at(-1)).toMatchObject({ version: 2 });
  });
});

it('a chain of entries and lines holds through all of it', async () => {
  await fill(20);
  await fixture.agent.rotation.rotate(caller());
  await fixture.agent.rotation.idle();
  const genesis = { seq: 0, hash: '0'.repeat(64) };
  expect(verifyChain(fixture.events(), genesis).intact).toBe(true);
  expect(verifyChain(await fixture.audit(), genesis).intact).toBe(true);
});
