import type { PolicyStatement } from '@keyfleet/contracts';
import { canonicalJson, sha256Hex } from '@keyfleet/crypto';

/** What agents are asked while a proof lasts. */
export const QUESTION = { principal: 'app:billing', action: 'read', path: 'billing/prod/db-password' };

/** Allows everything to all applications. `note` makes it another one without meaning anything else. */
export function permitting(note: string): readonly PolicyStatement[] {
  return [
    { id: 'apps', effect: 'allow', principals: ['app:*'], actions: ['*'], resources: ['**'] },
    { id: note, effect: 'deny', principals: ['nobody'], actions: ['*'], resources: ['**'] },
  ];
}

/** Allows nothing to any of those who ask. */
export function refusing(note: string): readonly PolicyStatement[] {
  return [{ id: note, effect: 'allow', principals: ['nobody'], actions: ['*'], resources: ['**'] }];
}

export function documentHash(statements: readonly PolicyStatement[]): string {
  return sha256Hex(canonicalJson({ statements }));
}

/** The bundle of agents that have this one version of one policy, by the contract and not by who makes it. */
export function bundleHash(
  orgId: string,
  policy: { readonly policyId: string; readonly version: number },
  statements: readonly PolicyStatement[],
): string {
  return sha256Hex(canonicalJson({ v: 1, orgId, policies: [{ ...policy, statements }] }));
}
