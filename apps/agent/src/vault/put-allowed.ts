import type { Operation } from '../audit/classes.js';
import type { StoredSecret } from '../storage/port.js';
import { authorise, type Deciding, type Tags } from './authorise.js';

export interface PutAsked {
  /** Where the secret stands; `undefined`: there is none yet. */
  readonly found: StoredSecret | undefined;
  /** As they are to be; left as they are where not given. */
  readonly tags: Tags;
}

/**
 * A secret is created under the tags it gets. They decide about every version of it, so changing them is more than
 * updating it: whoever does has to be allowed to update it under the old and the new ones, and to read it under the
 * old. Otherwise he could tag away what keeps older values from him, or from somebody he works with.
 */
export async function authorisePut(
  parts: Deciding,
  operation: Operation,
  { found, tags }: PutAsked,
): Promise<Operation> {
  if (!found) return authorise(parts, operation, { tags: tags ?? {} });
  const allowed = await authorise(parts, operation, { tags: found.tags });
  // Without a policy nothing hangs on tags.
  if (allowed.policyVersion === null || !tags || isSame(tags, found.tags)) return allowed;
  await authorise(parts, operation, { tags, what: 'a secret with these tags' });
  const reading: Operation = { ...operation, action: 'read' };
  await authorise(parts, reading, { tags: found.tags, what: 'changing tags, which takes reading too' });
  return allowed;
}

function isSame(one: NonNullable<Tags>, other: NonNullable<Tags>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
