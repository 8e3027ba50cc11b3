import { existsSync } from 'node:fs';
import { createMasterKeyFile, type KeyProvider, openMasterKeyFile } from '@keyfleet/crypto';
import { isKeyfleetError } from '@keyfleet/kernel';
import { SELF } from '../access/caller.js';
import { Keyring } from '../keys/keyring.js';
import type { NameGuard } from '../names/guard.js';
import type { VaultStorage } from '../storage/port.js';
import type { VaultParts } from './parts.js';

/** The master key in a file, made at the first start only: a vault that has keys already must not get another one. */
export async function fileKeyProvider(storage: VaultStorage, file: string): Promise<KeyProvider> {
  const fresh = (await storage.keys()).length === 0;
  if (fresh && !existsSync(file)) createMasterKeyFile(file);
  return openMasterKeyFile(file);
}

/** How many short values could not be opened on the way. */
export interface UnsealReport {
  readonly unreadable: number;
}

/** Opens the keys and learns all current values by their hashes. Throws what is wrong; the vault stays sealed then. */
export async function unseal(
  parts: VaultParts,
  openProvider: () => Promise<KeyProvider>,
  maxEncryptions?: number,
): Promise<UnsealReport> {
  const { storage, clock, guard, keys, health } = parts;
  const provider = await openProvider();
  let keyring: Keyring | undefined;
  try {
    keyring = await Keyring.open({ storage, provider, clock, maxEncryptions });
    guard.open(keyring.nameKey());
    const unreadable = await learnValues(storage, guard, keyring);
    keys.unseal({ keyring, provider });
    health.seal = 'unsealed';
    return { unreadable };
  } catch (error) {
    guard.close();
    keyring?.close();
    provider.close();
    throw error;
  }
}

/** Puts on record that the vault is sealed or unsealed now, where that is news. */
export async function tellSeal({ storage, trail, health }: VaultParts): Promise<void> {
  if ((await storage.lastSeal()) === health.seal) return;
  await storage.apply({ seal: health.seal, events: [trail.healthEvent()] });
}

/** Wipes the keys from memory; a restart unseals. */
export async function lock(parts: VaultParts): Promise<void> {
  const { trail, health, guard, keys } = parts;
  keys.assertOpen();
  health.seal = 'sealed';
  try {
    await trail.commit({ caller: SELF, action: 'keys', path: null }, { seal: 'sealed' }, () => [
      trail.healthEvent(),
    ]);
  } finally {
    // Whatever the disk says, a vault told to lock is locked.
    guard.close();
    keys.seal();
  }
}

type CurrentVersion = Awaited<ReturnType<VaultStorage['currentVersions']>>[number];

const PAGE = 500;
const LONGEST_NAME_BYTES = 258;

async function learnValues(storage: VaultStorage, guard: NameGuard, keyring: Keyring): Promise<number> {
  let unreadable = 0;
  let after = '';
  for (;;) {
    const rows = await storage.currentVersions({ after, limit: PAGE, maxSize: LONGEST_NAME_BYTES });
    for (const row of rows) if (!learn(row, guard, keyring)) unreadable += 1;
    const last = rows.at(-1);
    if (!last) return unreadable;
    after = last.path;
  }
}

/** False where the value cannot be read. */
function learn(row: CurrentVersion, guard: NameGuard, keyring: Keyring): boolean {
  try {
    const value = keyring.decrypt(row);
    if (value) guard.stage(value).commit(row.path);
    value?.fill(0);
    return value !== undefined && value !== null;
  } catch (error) {
    if (!isKeyfleetError(error, 'vault.integrity')) throw error;
    return false;
  }
}
