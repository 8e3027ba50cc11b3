import type { Operation } from '../audit/classes.js';
import type { AuditEntry } from '../audit/entry.js';
import { type Deciding, decide, policyFor } from './authorise.js';

/**
 * Lines somebody may see who may audit what he asked for. That covers everything below it, so what a policy denies
 * there is taken out again.
 */
export async function linesAllowed(
  parts: Deciding,
  asked: Operation,
  lines: readonly AuditEntry[],
): Promise<readonly AuditEntry[]> {
  const policy = policyFor(parts, asked);
  if (!policy) return lines;
  const shown = new Map<string | null, boolean>([[null, true]]);
  for (const path of new Set(lines.map((line) => line.path))) {
    if (path === null) continue;
    const tags = (await parts.storage.findSecret(path))?.tags;
    const { because } = decide(parts, policy, { ...asked, path }, tags);
    shown.set(path, because !== 'denied-by' && because !== 'undecidable');
  }
  return lines.filter(({ path }) => shown.get(path));
}
