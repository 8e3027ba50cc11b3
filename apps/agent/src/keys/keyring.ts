import { randomBytes } from 'node:crypto';
import {
  DATA_KEY_BYTES,
  type KeyProvider,
  openEnvelope,
  randomSecret,
  sealEnvelope,
  wipeableBuffer,
} from '@keyfleet/crypto';
import { type Clock, KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import type { StoredKey, StoredVersion, VaultStorage } from '../storage/port.js';

/** Encryptions under one key after which the next needs a new one. */
export const MAX_ENCRYPTIONS = 2 ** 31;

interface Held {
  readonly stored: StoredKey;
  readonly key: Buffer;
}

export interface KeyringOptions {
  readonly storage: VaultStorage;
  readonly provider: KeyProvider;
  readonly clock: Pick<Clock, 'now'>;
  readonly maxEncryptions?: number;
}

/** What a value belongs to; see EnvelopeContext. */
export type ValuePlace = Pick<StoredVersion, 'path' | 'secretId' | 'version'>;

/** The vault's own keys, unwrapped, in memory. Everything throws `vault.sealed` once it is closed. */
export class Keyring {
  readonly #options: KeyringOptions;
  readonly #held = new Map<string, Held>();
  #active: Held | undefined;
  #encryptions = 0;

  private constructor(options: KeyringOptions) {
    this.#options = options;
  }

  /** Unwraps all keys, and makes the first ones of a new vault. Throws what the provider throws. */
  static async open(options: KeyringOptions): Promise<Keyring> {
    const keyring = new Keyring(options);
    const stored = await options.storage.keys();
    try {
      for (const key of stored) await keyring.#hold(key);
      if (!keyring.#active) await keyring.#first('data');
      if (!keyring.#named()) await keyring.#first('names');
    } catch (error) {
      keyring.close();
      throw error;
    }
    return keyring;
  }

  get activeId(): string {
    return this.#current().stored.id;
  }

  get activeVersion(): number {
    return this.#current().stored.version;
  }

  /** True where the active key is at its limit and must be replaced before the next encryption. */
  get spent(): boolean {
    return this.#encryptions >= (this.#options.maxEncryptions ?? MAX_ENCRYPTIONS);
  }

  /** A copy of the key names are hashed with. */
  nameKey(): Buffer {
    const held = this.#named();
    if (!held) throw new KeyfleetError('vault.sealed');
    const copy = wipeableBuffer(held.key.length);
    held.key.copy(copy);
    return copy;
  }

  encrypt(value: Buffer, place: ValuePlace): { keyId: string; envelope: Buffer } {
    const { stored, key } = this.#current();
    this.#encryptions += 1;
    return { keyId: stored.id, envelope: sealEnvelope(key, value, this.#context(place, stored.id)) };
  }

  /** `undefined` where the key is not here (any more): the caller's row is old. */
  decrypt(version: StoredVersion): Buffer | undefined {
    this.#current();
    const held = this.#held.get(version.keyId);
    return held && openEnvelope(held.key, version.envelope, this.#context(version, version.keyId));
  }

  /** A new wrapped data key. It is used from `activate` on, after it was stored. */
  async propose(): Promise<StoredKey> {
    const highest = Math.max(0, ...[...this.#held.values()].map(({ stored }) => stored.version));
    return this.#make('data', highest + 1);
  }

  async activate(key: StoredKey): Promise<void> {
    await this.#hold(key);
  }

  /** Keys that nothing should be under any more. */
  retiredIds(): string[] {
    const active = this.activeId;
    const data = [...this.#held.values()].filter(({ stored }) => stored.purpose === 'data');
    return data.map(({ stored }) => stored.id).filter((id) => id !== active);
  }

  forget(id: string): void {
    this.#held.get(id)?.key.fill(0);
    this.#held.delete(id);
  }

  close(): void {
    for (const { key } of this.#held.values()) key.fill(0);
    this.#held.clear();
    this.#active = undefined;
  }

  #current(): Held {
    if (!this.#active) throw new KeyfleetError('vault.sealed');
    return this.#active;
  }

  #named(): Held | undefined {
    return [...this.#held.values()].find(({ stored }) => stored.purpose === 'names');
  }

  #context({ path, secretId, version }: ValuePlace, keyId: string) {
    const vault = this.#options.storage.vaultId;
    return { purpose: 'secret', vault, id: secretId, name: path, version, keyId };
  }

  async #hold(stored: StoredKey): Promise<void> {
    const { storage, provider } = this.#options;
    const { purpose, version } = stored;
    const key = await provider.unwrap(stored.wrapped, {
      purpose,
      version,
      vault: storage.vaultId,
      keyId: stored.id,
    });
    const held = { stored, key };
    this.#held.set(stored.id, held);
    if (purpose !== 'data' || stored.state !== 'active') return;
    this.#active = held;
    this.#encryptions = stored.encryptions;
  }

  async #first(purpose: StoredKey['purpose']): Promise<void> {
    const key = await this.#make(purpose, 1);
    await this.#options.storage.apply({ keys: [{ kind: 'activate', key }] });
    await this.#hold(key);
  }

  async #make(purpose: StoredKey['purpose'], version: number): Promise<StoredKey> {
    const { storage, provider, clock } = this.#options;
    const id = `key_${randomBytes(12).toString('hex')}`;
    const plain = randomSecret(DATA_KEY_BYTES);
    try {
      const wrapped = await provider.wrap(plain, { purpose, version, vault: storage.vaultId, keyId: id });
      const { masterKeyId } = provider.describe();
      const createdAt = toTimestamp(clock.now());
      return { id, purpose, version, wrapped, masterKeyId, state: 'active', createdAt, encryptions: 0 };
    } finally {
      plain.fill(0);
    }
  }
}
