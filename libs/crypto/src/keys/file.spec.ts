import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMasterKeyFile, openMasterKeyFile } from './file.js';
import { describeKeyProvider } from './key-provider.contract.js';

const directory = mkdtempSync(join(tmpdir(), 'keyfleet-keys-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function freshFile(): string {
  files += 1;
  const path = join(directory, `master-${files}.key`);
  createMasterKeyFile(path);
  return path;
}

describeKeyProvider('file', async () => {
  const path = freshFile();
  return { open: async () => openMasterKeyFile(path), openOther: async () => openMasterKeyFile(freshFile()) };
});

describe('the master key file', () => {
  it('holds 32 bytes its owner alone may read, other ones in every file', () => {
    const [one, other] = [freshFile(), freshFile()];
    expect(statSync(one).mode & 0o777).toBe(0o600);
    expect(statSync(one).size).toBe(32);
    expect(readFileSync(one).equals(readFileSync(other))).toBe(false);
  });

  it('is never written over, and no draft of it stays behind', () => {
    const path = freshFile();
    const before = readFileSync(path);
    expect(() => createMasterKeyFile(path)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(directory).filter((name) => !name.endsWith('.key'))).toEqual([]);
  });

  it('leaves the vault sealed where it is missing, readable by others or of another size', () => {
    const sealed = expect.objectContaining({ code: 'vault.sealed' });
    expect(() => openMasterKeyFile(join(directory, 'nowhere.key'))).toThrow(sealed);
    for (const size of [0, 31, 33]) {
      const path = join(directory, `size-${size}.key`);
      writeFileSync(path, Buffer.alloc(size), { mode: 0o600 });
      expect(() => openMasterKeyFile(path)).toThrow(sealed);
    }
    const path = freshFile();
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(path, mode);
      expect(() => openMasterKeyFile(path)).toThrow(sealed);
    }
    chmodSync(path, 0o400);
    expect(() => openMasterKeyFile(path).close()).not.toThrow();
  });
});
