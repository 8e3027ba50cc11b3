import type { PolicyTarget } from '@keyfleet/contracts';
import { canonicalJson, sha256Hex } from '@keyfleet/crypto';

/** From the target itself, so that the same target twice is one assignment. */
export function assignmentIdOf(target: PolicyTarget): string {
  if (target.kind === 'organisation') return 'organisation';
  return `${target.kind}-${sha256Hex(canonicalJson(target)).slice(0, 24)}`;
}
