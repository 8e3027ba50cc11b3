import { setImmediate as turn } from 'node:timers/promises';
import type { Caller } from '../access/caller.js';
import type { PolicyInForce } from '../policy/in-force.js';
import type { SecretPage, StoredSecret } from '../storage/port.js';
import { type Deciding, decide } from './authorise.js';

/** Looked through at once before others get their turn. */
const PAGE = 500;

export interface ListRequest {
  readonly caller: Caller;
  readonly page: SecretPage;
}

/**
 * The secrets a policy lets somebody list, each by its own path and tags. A page is full of them or the last one: a
 * page cut short would tell how many there are that he may not see.
 */
export async function listAllowed(
  parts: Deciding,
  policy: PolicyInForce,
  { caller, page }: ListRequest,
): Promise<StoredSecret[]> {
  const allowed: StoredSecret[] = [];
  for (let { after } = page; ; ) {
    const found = await parts.storage.listSecrets({ ...page, ...(after ? { after } : {}), limit: PAGE });
    for (const secret of found) {
      const operation = { caller, action: 'list', path: secret.path } as const;
      if (decide(parts, policy, operation, secret.tags).verdict !== 'allowed') continue;
      allowed.push(secret);
      if (allowed.length >= page.limit) return allowed;
    }
    if (found.length < PAGE) return allowed;
    after = found.at(-1)?.path;
    await turn();
  }
}
