import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AccessDenied } from '@keyfleet/contracts/events';
import { nameReference, verifyChain } from '@keyfleet/crypto';
import Database from 'better-sqlite3';
import { caller, VaultFixture } from './fixture.contract.js';
import { fileKeyProvider } from './seal.js';

let fixture: VaultFixture;
beforeEach(async () => {
  fixture = await VaultFixture.open();
});
afterEach(() => fixture.destroy());

const integrity = expect.objectContaining({ code: 'vault.integrity' });

/** Changes the file behind the vault's back, as somebody with the disk could. */
function onDisk<T>(work: (database: Database.Database) => T): T {
  const database = new Database(fixture.file);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

describe('the disk', () => {
  it('S18: never holds a value in any form, through its whole life', async () => {
    const canaries = Array.from({ length: 50 }, () => randomBytes(24).toString('base64url'));
    for (const [n, canary] of canaries.entries()) {
      await fixture.put(`team/${n}`, canary);
      await fixture.read(`team/${n}`);
      await fixture.put(`team/${n}`, `${canary}-again`);
      await fixture.vault.rollback(caller(), { path: `team/${n}`, version: 1 });
      if (n % 2 === 0) await fixture.vault.remove(caller(), `team/${n}`);
    }
    await fixture.agent.rotation.rotate(caller());
    await fixture.agent.rotation.idle();
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    const files = readdirSync(fixture.directory);
    expect(files).toEqual(expect.arrayContaining(['vault.db', 'vault.db-wal']));
    const content = Buffer.concat(files.map((name) => readFileSync(join(fixture.directory, name))));
    const journal = JSON.stringify(fixture.events());
    const audit = JSON.stringify(await fixture.audit());
    for (const canary of canaries) {
      const raw = Buffer.from(canary);
      for (const form of [
        raw,
        raw.toString('hex'),
        raw.toString('base64').replace(/=+$/, ''),
        gzipSync(raw).subarray(10, -8),
      ])
        expect(content.includes(form)).toBe(false);
      expect(journal.includes(canary) || audit.includes(canary)).toBe(false);
    }
  });

  it('S26: gives no value for a row that was moved, renamed, renumbered or put under another key', async () => {
    await fixture.put('a', 'value of a');
    await fixture.put('a', 'second of a');
    await fixture.put('b', 'value of b');
    await fixture.put('b', 'second of b');
    const places = [
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['b', 2],
    ] as const;
    const envelopes = onDisk((database) =>
      places.map((place) =>
        database
          .prepare('SELECT envelope FROM versions WHERE path = ? AND version = ?')
          .pluck()
          .get(...place),
      ),
    );
    const write = (envelope: unknown, [path, version]: readonly [string, number]) =>
      onDisk((database) =>
        database
          .prepare('UPDATE versions SET envelope = ? WHERE path = ? AND version = ?')
          .run(envelope, path, version),
      );
    for (const [to, place] of places.entries()) {
      for (const [from, envelope] of envelopes.entries()) {
        write(envelope, place);
        const reading = fixture.read(place[0], place[1]);
        if (from === to) await expect(reading).resolves.toContain(`of ${place[0]}`);
        else await expect(reading).rejects.toEqual(integrity);
      }
      write(envelopes[to], place);
    }
    // A secret that takes another's identity: then its rows are that other's in name only.
    onDisk((database) => {
      database.pragma('foreign_keys = OFF');
      database.exec("UPDATE versions SET path = 'c' WHERE path = 'a'");
      database.exec("UPDATE versions SET path = 'a' WHERE path = 'b'");
    });
    await expect(fixture.read('a')).rejects.toEqual(integrity);
    expect((await fixture.audit()).at(-1)).toMatchObject({
      outcome: 'failed',
      code: 'vault.integrity',
      path: 'a',
    });
  });

  it('S26: gives no value in another vault, even with the same master key', async () => {
    const other = await VaultFixture.open();
    await fixture.put('a', 'value of a');
    await other.put('a', 'other value');
    const copy = (from: VaultFixture) => {
      const database = new Database(from.file);
      const rows = {
        key: database.prepare("SELECT * FROM wrapped_keys WHERE purpose = 'data'").get() as Record<
          string,
          unknown
        >,
        version: database.prepare('SELECT * FROM versions').get() as Record<string, unknown>,
        secret: database.prepare('SELECT * FROM secrets').get() as Record<string, unknown>,
      };
      database.close();
      return rows;
    };
    const theirs = copy(other);
    await other.agent.close();
    await fixture.agent.close();
    writeFileSync(fixture.masterKeyFile, readFileSync(other.masterKeyFile), { mode: 0o600 });
    onDisk((database) => {
      database.pragma('foreign_keys = OFF');
      for (const [table, row] of [
        ['wrapped_keys', theirs.key],
        ['versions', theirs.version],
        ['secrets', theirs.secret],
      ] as const) {
        database.exec(`DELETE FROM ${table}`);
        const names = Object.keys(row);
        const places = names.map((name) => `@${name}`).join();
        database.prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${places})`).run(row);
      }
    });
    await expect(fixture.start()).rejects.toEqual(integrity);
    await expect(fixture.read('a')).rejects.toMatchObject({ code: 'vault.sealed' });
    rmSync(other.directory, { recursive: true });
  });

  it('is useless without the master key, and no new one is made for a vault that has one', async () => {
    await fixture.put('a', 'value of a');
    await fixture.agent.close();
    const key = readFileSync(fixture.masterKeyFile);
    rmSync(fixture.masterKeyFile);
    await expect(fixture.start()).rejects.toMatchObject({ code: 'vault.sealed' });
    expect(readdirSync(fixture.directory)).not.toContain('master.key');
    await expect(fixture.read('a')).rejects.toMatchObject({ code: 'vault.sealed' });
    await fixture.agent.close();
    writeFileSync(fixture.masterKeyFile, randomBytes(32), { mode: 0o600 });
    await expect(fixture.start()).rejects.toEqual(integrity);
    await fixture.agent.close();
    writeFileSync(fixture.masterKeyFile, key, { mode: 0o600 });
    await fixture.start();
    expect(await fixture.read('a')).toBe('value of a');
  });

  it('S33: shows any audit line that was changed or taken out', async () => {
    for (let n = 0; n < 6; n += 1) await fixture.put('a', `value ${n}`);
    const genesis = { seq: 0, hash: '0'.repeat(64) };
    expect(verifyChain(await fixture.audit(), genesis)).toMatchObject({ intact: true, seq: 6 });
    onDisk((database) => database.exec("UPDATE audit SET principal = 'app:innocent' WHERE seq = 3"));
    expect(verifyChain(await fixture.audit(), genesis)).toMatchObject({
      intact: false,
      broken: 'hash',
      entry: { seq: 3 },
    });
    onDisk((database) => database.exec('DELETE FROM audit WHERE seq = 2'));
    expect(verifyChain(await fixture.audit(), genesis)).toMatchObject({ intact: false, entry: { seq: 3 } });
  });
});

describe('S18: names on events', () => {
  const value = 'hunter2hunter2';

  it('are keyed hashes where they are a value, also in the event that makes it one', async () => {
    await fixture.put(`team/${value}/x`, value, {
      caller: caller({ principal: `app:${value}`, groups: [value] }),
    });
    const denied = caller({ grants: [], groups: [value], client: `${value}/1.0` });
    await fixture.vault.value(denied, `${value}/y`).catch(() => undefined);
    await fixture.read(`team/${value}/x`);
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    const told = JSON.stringify(fixture.events());
    expect(told).not.toContain(value);
    const types = fixture.told().map(([type]) => type);
    expect(types.filter((type) => type === 'ValueInNameFound')).toHaveLength(5);
    expect(types).toEqual(expect.arrayContaining(['SecretCreated', 'AccessDenied', 'UsageReported']));
    for (const [type, data] of fixture.told()) if (type === 'AccessDenied') AccessDenied.data.parse(data);
    // What is asked locally is answered in the clear.
    expect((await fixture.audit())[0]).toMatchObject({ path: `team/${value}/x`, principal: `app:${value}` });
  });

  it('are compared with what was there before the process started', async () => {
    await fixture.put('a', value);
    await fixture.put('b', 'x'.repeat(300));
    await fixture.restart();
    await fixture.put(`team/${value}`, 'something');
    expect(fixture.told().at(-2)?.[1]['path']).toMatch(/^h:/);
    await fixture.vault.remove(caller(), 'a');
    await fixture.put(`team/${value}`, 'something else');
    expect(fixture.told().at(-1)?.[1]['path']).toBe(`team/${value}`);
  });

  it('of secrets are keyed hashes always where the agent is told so', async () => {
    await fixture.restart({ hashPaths: true });
    await fixture.put('team/db', 'x');
    const { keyring } = fixture.agent.parts.keys.open;
    expect(fixture.told()).toEqual([
      [
        'SecretCreated',
        { path: nameReference(keyring.nameKey(), 'team/db'), version: 1, principal: 'app:billing' },
      ],
    ]);
  });
});

describe('a vault told to lock', () => {
  it('says so, serves nothing any more, and is unsealed by a restart', async () => {
    await fixture.put('a', 'value of a');
    await fixture.agent.lock();
    const sealed = expect.objectContaining({ code: 'vault.sealed' });
    for (const attempt of [
      () => fixture.read('a'),
      () => fixture.put('a', 'x'),
      () => fixture.put('new', 'x'),
      () => fixture.vault.metadata(caller(), 'a'),
      () => fixture.vault.list(caller(), { prefix: '', limit: 1 }),
      () => fixture.vault.remove(caller(), 'a'),
      () => fixture.agent.lock(),
    ])
      await expect(attempt()).rejects.toEqual(sealed);
    expect(fixture.told().at(-1)).toEqual(['HealthChanged', { storage: 'ok', seal: 'sealed' }]);
    expect((await fixture.audit()).at(-1)).toMatchObject({ outcome: 'failed', code: 'vault.sealed' });
    fixture.clock.advance(62_000);
    await fixture.agent.reportUsage();
    expect(fixture.told()).toHaveLength(2);

    await fixture.restart();
    expect(await fixture.read('a')).toBe('value of a');
    expect(fixture.told().at(-1)).toEqual(['HealthChanged', { storage: 'ok', seal: 'unsealed' }]);
    await fixture.agent.reportUsage();
    expect(fixture.told().at(-1)?.[0]).toBe('UsageReported');
  });

  it('tells strangers nothing more than before', async () => {
    await fixture.agent.lock();
    const outsider = caller({ grants: [] });
    await expect(fixture.vault.value(outsider, 'a')).rejects.toMatchObject({ code: 'auth.forbidden' });
  });
});

it('a master key file that may be read by others leaves the vault sealed', async () => {
  await fixture.agent.close();
  writeFileSync(join(fixture.directory, 'other.key'), randomBytes(32), { mode: 0o644 });
  await fixture.start();
  const opening = fileKeyProvider(fixture.agent.parts.storage, join(fixture.directory, 'other.key'));
  await expect(opening).rejects.toMatchObject({ code: 'vault.sealed' });
});
