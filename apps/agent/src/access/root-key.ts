import { join } from 'node:path';
import { toTimestamp } from '@keyfleet/kernel';
import { lineOf } from '../audit/trail.js';
import { writePrivateFile } from '../files.js';
import type { VaultStorage } from '../storage/port.js';
import { apiKeyFor, newApiKey } from './api-key.js';
import { SELF } from './caller.js';

export const ROOT_PRINCIPAL = 'local:root';

/**
 * The first key of a new vault: everything is allowed to it, and it lies in `admin.key`, for the owner of the machine
 * to make others with. Once there are keys, it is never made again.
 */
export async function ensureRootKey(storage: VaultStorage, directory: string, now: number): Promise<void> {
  if ((await storage.listApiKeys()).length > 0) return;
  const key = newApiKey();
  const at = toTimestamp(now);
  const grants = [{ prefix: '', actions: ['*'] }];
  const record = apiKeyFor(key, { principal: ROOT_PRINCIPAL, groups: [], grants, expiresAt: null }, at);
  // The file first: a key that is nowhere to be read would lock its owner out.
  writePrivateFile(join(directory, 'admin.key'), `${key}\n`);
  const line = lineOf(
    { caller: SELF, action: 'keys', path: null },
    { outcome: 'allowed', code: null, version: null },
    at,
  );
  await storage.apply({ apiKeys: [{ kind: 'add', key: record }], audit: [line] });
}
