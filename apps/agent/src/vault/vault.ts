import { SecretCreated, SecretDeleted, SecretRotated, SecretUpdated } from '@keyfleet/contracts/events';
import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { type Caller, prefixesFor } from '../access/caller.js';
import type { Operation } from '../audit/classes.js';
import { prepareEvent } from '../audit/prepare.js';
import type { GuardedNames } from '../names/guard.js';
import type { StoredSecret, StoredVersion, VersionMetadata } from '../storage/port.js';
import { type Attempt, assertGranted, authorise, onRecord, policyFor } from './authorise.js';
import { type Alphabet, generateValue } from './generate.js';
import { listAllowed } from './list-allowed.js';
import type { VaultParts } from './parts.js';
import { authorisePut } from './put-allowed.js';
import { expectVersion, retrying, type Write, writeVersion } from './write.js';

export interface PutRequest {
  readonly path: string;
  /** The caller's, to be wiped by the caller. */
  readonly value: Buffer;
  readonly tags?: Readonly<Record<string, string>>;
  readonly expectedVersion?: number;
}

export interface GenerateRequest {
  readonly path: string;
  readonly length: number;
  readonly alphabet: Alphabet;
  readonly expectedVersion?: number;
}

type OnSecret = Write['operation'];

/**
 * What can be done with secrets. Every method takes who asks, decides before it looks, and answers only once what it
 * did is on record. Errors are KeyfleetErrors: `auth.…`, `secret.…`, `vault.sealed`, `vault.degraded`.
 */
export class Vault {
  readonly #parts: VaultParts;
  readonly #beforeWrite: () => Promise<void>;

  /** `beforeWrite` runs before each encryption: the place to replace a key that is spent. */
  constructor(parts: VaultParts, beforeWrite: () => Promise<void>) {
    this.#parts = parts;
    this.#beforeWrite = beforeWrite;
  }

  async put(caller: Caller, request: PutRequest): Promise<StoredSecret & { readonly created: boolean }> {
    const { path, tags, expectedVersion } = request;
    const create: Operation = { caller, action: 'create', path };
    const update: Operation = { caller, action: 'update', path };
    const work = (attempt: Attempt) =>
      retrying(async () => {
        const found = await this.#parts.storage.findSecret(path);
        // Which of the two it is is known only now; on record is what was asked, also where it is refused.
        attempt.operation = found ? update : create;
        attempt.operation = await authorisePut(this.#parts, attempt.operation, { found, tags });
        expectVersion(found, expectedVersion);
        const definition = found ? SecretUpdated : SecretCreated;
        const written = await this.#write({
          ...request,
          operation: { ...attempt.operation, path },
          found,
          tell: (names, at, version) =>
            prepareEvent(definition, { ...told(names, path, caller), version }, at),
        });
        return { ...written, created: !found };
      });
    // Whoever may do neither is refused before anything is looked up for him.
    return onRecord(this.#parts, create, work, async () => {
      try {
        return await authorise(this.#parts, update);
      } catch (error) {
        if (!isKeyfleetError(error, 'auth.forbidden')) throw error;
        return authorisePut(this.#parts, create, { found: undefined, tags });
      }
    });
  }

  /** The value, in a buffer for the caller to wipe. */
  async value(
    caller: Caller,
    path: string,
    version?: number,
  ): Promise<{ readonly version: number; readonly value: Buffer }> {
    return onRecord(this.#parts, { caller, action: 'read', path }, async ({ operation }) => {
      const { row, value } = await this.#open(path, version);
      try {
        await this.#parts.trail.read(operation, row.version);
      } catch (error) {
        value.fill(0);
        throw error;
      }
      return { version: row.version, value };
    });
  }

  async metadata(caller: Caller, path: string): Promise<StoredSecret> {
    return this.#read({ caller, action: 'metadata', path }, () => this.#find(path));
  }

  /** Newest first. */
  async versions(
    caller: Caller,
    path: string,
    page: { readonly before?: number; readonly limit: number },
  ): Promise<{ readonly current: number; readonly items: VersionMetadata[] }> {
    return this.#read({ caller, action: 'versions', path }, async () => {
      const { version: current } = await this.#find(path);
      return { current, items: await this.#parts.storage.listVersions(path, page) };
    });
  }

  /** Those the caller may list; a caller who may list nothing is refused. */
  async list(
    caller: Caller,
    page: { readonly prefix: string; readonly after?: string; readonly limit: number },
  ): Promise<StoredSecret[]> {
    const visible = prefixesFor(caller, 'list');
    const operation: Operation = { caller, action: 'list', path: null };
    const policy = policyFor(this.#parts, operation);
    const work = () =>
      policy
        ? listAllowed(this.#parts, policy, { caller, page: { ...page, visible } })
        : this.#parts.storage.listSecrets({ ...page, visible });
    return this.#read(operation, work, async () => {
      // The right to list is a matter of each secret; having it anywhere is enough to ask.
      assertGranted({ ...operation, path: visible[0] || null });
      return { ...operation, policyVersion: policy?.version ?? null };
    });
  }

  async remove(caller: Caller, path: string, expectedVersion?: number): Promise<void> {
    const { guard, trail } = this.#parts;
    await this.#change(
      { caller, action: 'delete', path },
      expectedVersion,
      async (operation, { version }) => {
        const deletion = { secrets: [{ kind: 'delete', path, expected: version } as const], version };
        await trail.commit(operation, deletion, (names, at) => [
          prepareEvent(SecretDeleted, { ...told(names, path, caller), versions: version }, at),
        ]);
      },
    );
    guard.forget(path);
  }

  /** An older value as a new version. */
  async rollback(
    caller: Caller,
    request: { readonly path: string; readonly version: number; readonly expectedVersion?: number },
  ): Promise<StoredSecret> {
    const { path, expectedVersion } = request;
    return this.#change({ caller, action: 'rollback', path }, expectedVersion, async (operation, found) => {
      const { value } = await this.#open(path, request.version);
      const tell: Write['tell'] = (names, at, version) =>
        prepareEvent(SecretUpdated, { ...told(names, path, caller), version }, at);
      return this.#writeOnce({ operation, found, value, tell });
    });
  }

  /** A new random value as a new version; nobody sees it on the way. */
  async rotate(caller: Caller, request: GenerateRequest): Promise<StoredSecret> {
    const { path, expectedVersion } = request;
    const strategy = 'generated';
    return this.#change({ caller, action: 'rotate', path }, expectedVersion, async (operation, found) => {
      const value = generateValue(request.length, request.alphabet);
      const tell: Write['tell'] = (names, at, version) =>
        prepareEvent(SecretRotated, { ...told(names, path, caller), version, strategy }, at);
      return this.#writeOnce({ operation, found, value, tell });
    });
  }

  /**
   * Changes a secret that is there. Each try decides anew about what it finds: after a lost race the secret may have
   * other tags, and be one that the caller may not change.
   */
  #change<T>(
    asked: OnSecret,
    expectedVersion: number | undefined,
    work: (operation: OnSecret, found: StoredSecret) => Promise<T>,
  ): Promise<T> {
    return onRecord(this.#parts, asked, (attempt) =>
      retrying(async () => {
        this.#parts.keys.assertOpen();
        const found = await this.#parts.storage.findSecret(asked.path);
        attempt.operation = await authorise(this.#parts, asked, { tags: found?.tags });
        if (!found) throw new KeyfleetError('secret.not-found');
        expectVersion(found, expectedVersion);
        return work({ ...attempt.operation, path: asked.path }, found);
      }),
    );
  }

  /** A value that is wiped whatever comes of it. */
  async #writeOnce(write: Write): Promise<StoredSecret> {
    try {
      return await this.#write(write);
    } finally {
      write.value.fill(0);
    }
  }

  async #write(write: Write): Promise<StoredSecret> {
    await this.#beforeWrite();
    return writeVersion(this.#parts, write);
  }

  async #read<T>(
    asked: Operation,
    work: () => Promise<T>,
    decideAbout?: () => Promise<Operation>,
  ): Promise<T> {
    const { trail, keys } = this.#parts;
    const open = async ({ operation }: Attempt) => {
      keys.assertOpen();
      const result = await work();
      await trail.read(operation);
      return result;
    };
    return onRecord(this.#parts, asked, open, decideAbout);
  }

  async #find(path: string): Promise<StoredSecret> {
    const found = await this.#parts.storage.findSecret(path);
    if (!found) throw new KeyfleetError('secret.not-found');
    return found;
  }

  async #open(path: string, version?: number): Promise<{ row: StoredVersion; value: Buffer }> {
    const { storage, keys } = this.#parts;
    const { keyring } = keys.open;
    // A row read just before a re-wrap may be under a key that is gone by now; it reads anew then.
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const row = await storage.findVersion(path, version);
      if (!row) throw await this.#absent(path, version);
      const value = keyring.decrypt(row);
      if (value) return { row, value };
    }
    throw new KeyfleetError('vault.integrity', { detail: 'The key of this value is not in the vault.' });
  }

  async #absent(path: string, version?: number): Promise<KeyfleetError> {
    const found = version === undefined ? undefined : await this.#parts.storage.findSecret(path);
    return new KeyfleetError(found ? 'secret.version-not-found' : 'secret.not-found');
  }
}

function told(names: GuardedNames, path: string, caller: Caller) {
  return { path: names.path(path), principal: names.principal(caller.principal) };
}
