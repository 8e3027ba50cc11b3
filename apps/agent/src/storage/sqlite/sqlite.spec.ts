import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestClock } from '@keyfleet/testing';
import { key, line, put } from '../samples.contract.js';
import { describeStorage, type StorageSubject } from '../storage.contract.js';
import { openSqlite } from './open.js';

const root = mkdtempSync(join(tmpdir(), 'keyfleet-sqlite-'));
afterAll(() => rmSync(root, { recursive: true }));

let files = 0;
function freshFile(): string {
  files += 1;
  return join(root, `vault-${files}.db`);
}

function open(file: string): StorageSubject {
  const { storage, journal } = openSqlite(file, new TestClock());
  return {
    storage,
    journal,
    reopen: async () => {
      await storage.close();
      return open(file);
    },
    destroy: () => storage.close(),
  };
}

describeStorage('SQLite', async () => open(freshFile()));

describe('a SQLite vault', () => {
  it('has every commit synced to disk before it is answered', () => {
    const { database, storage } = openSqlite(freshFile(), new TestClock());
    expect(database.handle.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.handle.pragma('synchronous', { simple: true })).toBe(2);
    return storage.close();
  });

  it('is not opened by an older program', async () => {
    const file = freshFile();
    const { database, storage } = openSqlite(file, new TestClock());
    database.handle.pragma('user_version = 999');
    await storage.close();
    expect(() => openSqlite(file, new TestClock())).toThrow(/newer version/);
  });

  it('F11: a full disk refuses what would be written, whole, tells so, and goes on once there is room', async () => {
    const { database, storage } = openSqlite(freshFile(), new TestClock());
    await storage.apply({ keys: [{ kind: 'activate', key: key(1) }] });
    await storage.apply({ secrets: [put('before')], audit: [line()] });
    let refusals = 0;
    database.onRefusal(() => {
      refusals += 1;
    });
    const pages = database.handle.pragma('page_count', { simple: true }) as number;
    database.handle.pragma(`max_page_count = ${pages}`);
    const big = put('big', { envelope: Buffer.alloc(200_000) });
    const given = [storage.apply({ secrets: [big], audit: [line()] }), storage.apply({ audit: [line()] })];
    for (const outcome of await Promise.allSettled(given))
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'vault.degraded' } });
    expect(refusals).toBe(1);
    expect(await storage.findSecret('big')).toBeUndefined();
    expect(await storage.findSecret('before')).toBeDefined();
    expect(await storage.audit({ limit: 9 })).toHaveLength(1);

    database.handle.pragma('max_page_count = 1000000');
    await storage.apply({ secrets: [big], audit: [line()] });
    expect(await storage.audit({ limit: 9 })).toHaveLength(2);
    await storage.close();
  });

  it('commits what was given before it is closed', async () => {
    const file = freshFile();
    const { storage } = openSqlite(file, new TestClock());
    const given = Array.from({ length: 1_200 }, () => storage.apply({ audit: [line()] }));
    await storage.close();
    await Promise.all(given);
    const again = openSqlite(file, new TestClock()).storage;
    expect(await again.audit({ limit: 5_000 })).toHaveLength(1_200);
    await again.close();
  });
});
