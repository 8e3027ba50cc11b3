import type { Caller } from '../access/caller.js';

/** Whoever brings no credential that this agent knows. */
export function isStranger({ credential }: Pick<Caller, 'credential'>): boolean {
  return credential !== 'known';
}
