import { KeyRotated } from '@keyfleet/contracts/events';
import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { type Caller, SELF } from '../access/caller.js';
import { prepareEvent } from '../audit/prepare.js';
import type { SecretChange, StoredVersion } from '../storage/port.js';
import { onRecord } from '../vault/authorise.js';
import type { VaultParts } from '../vault/parts.js';
import type { Keyring } from './keyring.js';

/** Values re-wrapped in one turn; requests get theirs in between. */
const BATCH = 25;

/** Replaces the data key: new values use the new one at once, old values read on while they are re-wrapped behind. */
export class KeyRotation {
  readonly #parts: VaultParts;
  readonly #onFailure: (error: unknown) => void;
  #rotating: Promise<void> | undefined;
  #rewrapping: Promise<void> | undefined;
  #stopped = false;

  /** `onFailure` hears of a re-wrap that had to stop; `resume` goes on where it stood. */
  constructor(parts: VaultParts, onFailure: (error: unknown) => void) {
    this.#parts = parts;
    this.#onFailure = onFailure;
  }

  /** Resolves to the new key's version. The re-wrap goes on after that. */
  async rotate(caller: Caller): Promise<number> {
    const { trail, keys } = this.#parts;
    return onRecord(this.#parts, { caller, action: 'keys', path: null }, async ({ operation }) => {
      const { keyring, provider } = keys.open;
      const key = await keyring.propose();
      const told = { keyVersion: key.version, provider: provider.describe().kind, rewrapped: 0 };
      await trail.commit(operation, { keys: [{ kind: 'activate', key }] }, (_names, at) => [
        prepareEvent(KeyRotated, told, at),
      ]);
      await keyring.activate(key);
      this.resume();
      return key.version;
    });
  }

  /** Before an encryption: a key that has done its share is replaced first, once for all who wait. */
  async beforeWrite(): Promise<void> {
    if (!this.#parts.keys.open.keyring.spent) return;
    this.#rotating ??= this.rotate(SELF)
      .then(() => undefined)
      .finally(() => {
        this.#rotating = undefined;
      });
    await this.#rotating;
  }

  /** Goes on re-wrapping where there is something left to do. */
  resume(): void {
    if (this.#stopped || this.#rewrapping) return;
    this.#rewrapping = this.#rewrapAll()
      .catch(this.#onFailure)
      .finally(() => {
        this.#rewrapping = undefined;
      });
  }

  /** Resolves when no re-wrap is under way. */
  async idle(): Promise<void> {
    while (this.#rewrapping) await this.#rewrapping;
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.idle();
  }

  async #rewrapAll(): Promise<void> {
    const { storage, keys } = this.#parts;
    let rewrapped = 0;
    while (!this.#stopped) {
      const { keyring } = keys.open;
      const rows = await storage.versionsNotUnder(keyring.activeId, BATCH);
      if (rows.length === 0) {
        const retired = keyring.retiredIds();
        if (retired.length === 0) return;
        await this.#destroy(retired, rewrapped);
        rewrapped = 0;
        continue;
      }
      const outcomes = await Promise.all(rows.map((row) => this.#rewrap(row)));
      rewrapped += outcomes.filter((outcome) => outcome === 'rewrapped').length;
      // Its old key stays for as long as there is one value we cannot open: it may be repaired from a backup.
      if (outcomes.every((outcome) => outcome === 'unreadable'))
        throw new KeyfleetError('vault.integrity', {
          detail: 'Some values cannot be opened to re-wrap them.',
        });
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #rewrap(row: StoredVersion): Promise<'rewrapped' | 'gone' | 'unreadable'> {
    const change = this.#anew(row);
    if (!change) return 'unreadable';
    try {
      const used = { kind: 'used', id: change.keyId, times: 1 } as const;
      await this.#parts.storage.apply({ secrets: [change], keys: [used] });
      return 'rewrapped';
    } catch (error) {
      // Changed or deleted meanwhile, or the key has been replaced again.
      if (isKeyfleetError(error, 'revision.conflict')) return 'gone';
      throw error;
    }
  }

  #anew(row: StoredVersion): (SecretChange & { kind: 'rewrap' }) | undefined {
    const { keyring } = this.#parts.keys.open;
    const value = opened(keyring, row);
    if (!value) return undefined;
    try {
      const { path, version, secretId, keyId: underKey } = row;
      return { kind: 'rewrap', path, version, secretId, underKey, ...keyring.encrypt(value, row) };
    } finally {
      value.fill(0);
    }
  }

  async #destroy(retired: readonly string[], rewrapped: number): Promise<void> {
    const { trail, keys } = this.#parts;
    const { keyring, provider } = keys.open;
    const told = { keyVersion: keyring.activeVersion, provider: provider.describe().kind, rewrapped };
    const changes = retired.map((id) => ({ kind: 'destroy', id }) as const);
    try {
      await trail.commit({ caller: SELF, action: 'keys', path: null }, { keys: changes }, (_names, at) => [
        prepareEvent(KeyRotated, told, at),
      ]);
    } catch (error) {
      // Something came under an old key in the last moment: it is found in the next round.
      if (isKeyfleetError(error, 'revision.conflict')) return;
      throw error;
    }
    for (const id of retired) keyring.forget(id);
  }
}

function opened(keyring: Keyring, row: StoredVersion): Buffer | undefined {
  try {
    return keyring.decrypt(row);
  } catch (error) {
    if (isKeyfleetError(error, 'vault.integrity')) return undefined;
    throw error;
  }
}
