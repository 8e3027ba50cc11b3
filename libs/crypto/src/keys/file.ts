import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { KeyfleetError } from '@keyfleet/kernel';
import { openEnvelope, sealEnvelope } from '../envelope/envelope.js';
import { keyedHash } from '../hash/keyed.js';
import type { KeyContext, KeyProvider, KeyProviderDescription } from './provider.js';
import { randomSecret, wipeableBuffer } from './wipeable.js';

const MASTER_KEY_BYTES = 32;

/**
 * Makes the file with 32 random bytes, readable by its owner only and on disk before this returns. An existing file is
 * never touched: throws with code EEXIST.
 */
export function createMasterKeyFile(path: string): void {
  const key = randomSecret(MASTER_KEY_BYTES);
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeSync(file, key);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // A link, unlike a rename, cannot replace a key that is there.
    linkSync(draft, path);
    const directory = openSync(dirname(path), 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } finally {
    key.fill(0);
    rmSync(draft, { force: true });
  }
}

/** Opens the master key in a file. Throws `vault.sealed`, saying what is wrong with the file. */
export function openMasterKeyFile(path: string): KeyProvider {
  return new FileKeyProvider(readMasterKey(path));
}

function readMasterKey(path: string): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    throw new KeyfleetError('vault.sealed', { detail: 'The master key file is missing or cannot be read.' });
  }
  try {
    const { mode, size } = fstatSync(file);
    if ((mode & 0o077) !== 0)
      throw new KeyfleetError('vault.sealed', {
        detail: 'The master key file may be read by others; set its mode to 0600.',
      });
    const key = wipeableBuffer(MASTER_KEY_BYTES);
    if (size !== MASTER_KEY_BYTES || readSync(file, key, 0, MASTER_KEY_BYTES, 0) !== MASTER_KEY_BYTES)
      throw new KeyfleetError('vault.sealed', { detail: 'The master key file does not hold 32 bytes.' });
    return key;
  } finally {
    closeSync(file);
  }
}

class FileKeyProvider implements KeyProvider {
  readonly #description: KeyProviderDescription;
  #key: Buffer | undefined;

  constructor(key: Buffer) {
    this.#key = key;
    this.#description = {
      kind: 'file',
      masterKeyId: keyedHash(key, 'keyfleet.master-key-id').slice(0, 32),
    };
  }

  async wrap(key: Buffer, context: KeyContext): Promise<Buffer> {
    return sealEnvelope(this.#open(), key, this.#place(context));
  }

  async unwrap(wrapped: Buffer, context: KeyContext): Promise<Buffer> {
    return openEnvelope(this.#open(), wrapped, this.#place(context));
  }

  describe(): KeyProviderDescription {
    return this.#description;
  }

  close(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }

  #open(): Buffer {
    if (!this.#key) throw new KeyfleetError('vault.sealed');
    return this.#key;
  }

  #place(context: KeyContext) {
    return {
      purpose: `key.${context.purpose}`,
      vault: context.vault,
      id: context.keyId,
      name: '',
      version: context.version,
      keyId: this.#description.masterKeyId,
    };
  }
}
