import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import type { Operation } from '../audit/classes.js';
import type { GuardedNames } from '../names/guard.js';
import type { PreparedEvent, StoredSecret, StoredVersion } from '../storage/port.js';
import type { VaultParts } from './parts.js';

/** Lost races against other writers of the same secret, or against a key rotation, before we give up. */
const MAX_TRIES = 8;

export interface Write {
  readonly operation: Operation & { readonly path: string };
  /** Where the secret stands; `undefined`: there is none yet. */
  readonly found: StoredSecret | undefined;
  /** The caller's, to be wiped by the caller. */
  readonly value: Buffer;
  readonly tags?: Readonly<Record<string, string>>;
  readonly tell: (names: GuardedNames, at: string, version: number) => PreparedEvent;
}

/** Stores a value as the next version of a secret, with its record. Rejects with `revision.conflict` after a lost race. */
export async function writeVersion(parts: VaultParts, write: Write): Promise<StoredSecret> {
  const { trail, guard, keys } = parts;
  const { operation, found, value, tags } = write;
  const { path, caller } = operation;
  const at = trail.now();
  const place = { path, secretId: found?.id ?? newId('sec'), version: (found?.version ?? 0) + 1 };
  const sealed = keys.open.keyring.encrypt(value, place);
  const size = value.length;
  const version: StoredVersion = { ...place, ...sealed, size, createdAt: at, createdBy: caller.principal };
  const staged = guard.stage(value);
  try {
    await trail.commit(
      operation,
      {
        keys: [{ kind: 'used', id: sealed.keyId, times: 1 }],
        secrets: [{ kind: 'put', expected: found?.version ?? 0, version, ...(tags ? { tags } : {}) }],
        version: place.version,
      },
      (names, time) => [write.tell(names, time, place.version)],
    );
  } catch (error) {
    staged.discard();
    throw error;
  }
  staged.commit(path);
  return { ...before(write, at), path, id: place.secretId, version: place.version, updatedAt: at, size };
}

/** What a new version leaves as it was. */
function before({ found, tags }: Write, at: string): Pick<StoredSecret, 'tags' | 'createdAt'> {
  return { tags: tags ?? found?.tags ?? {}, createdAt: found?.createdAt ?? at };
}

/** Throws where the caller expects another version than there is. */
export function expectVersion(found: StoredSecret | undefined, expected: number | undefined): void {
  if (expected !== undefined && expected !== (found?.version ?? 0))
    throw new KeyfleetError('secret.version-mismatch');
}

/** Reads and tries again after a lost race; what the caller expected is checked against each fresh read. */
export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= MAX_TRIES || !isKeyfleetError(error, 'revision.conflict')) throw error;
    }
  }
}
