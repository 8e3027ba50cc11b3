import { KeyfleetError } from '@keyfleet/kernel';
import type { AccessRequest, Decision, Unknown } from '@keyfleet/policy-engine';
import { isAllowed, SELF } from '../access/caller.js';
import type { Operation } from '../audit/classes.js';
import type { PolicyInForce } from '../policy/in-force.js';
import { PolicyDenial } from './denial.js';
import type { VaultParts } from './parts.js';

export type Deciding = Pick<VaultParts, 'storage' | 'clock' | 'policies'>;

/** The tags of a secret; undefined where there is none. */
export type Tags = Readonly<Record<string, string>> | undefined;

const TAGS_UNKNOWN: ReadonlySet<Unknown> = new Set(['tags']);

/** What a key is granted is the ceiling: no policy lifts it. Throws `auth.required` or `auth.forbidden`. */
export function assertGranted({ caller, action, path }: Operation, what = 'this'): void {
  if (caller.credential !== 'known') throw new KeyfleetError('auth.required');
  if (!isAllowed(caller, action, path))
    throw new KeyfleetError('auth.forbidden', { detail: `Your API key has no grant for ${what}.` });
}

/** What is decided about, where it is known already. */
export interface Known {
  readonly tags: Tags;
  /** As a refusal calls it; `this` where not given. */
  readonly what?: string;
}

/** The policy that is asked about what this caller does; null where none is. */
export function policyFor(
  { policies }: Pick<Deciding, 'policies'>,
  { caller }: Operation,
): PolicyInForce | null {
  return caller === SELF ? null : policies.current();
}

/**
 * Before anything is done or told: a refusal says the same whether there is such a secret or not. Resolves to the
 * operation with the policy it was decided under. `known` where the secret was looked for already.
 */
export async function authorise(parts: Deciding, operation: Operation, known?: Known): Promise<Operation> {
  assertGranted(operation, known?.what);
  const policy = policyFor(parts, operation);
  if (!policy) return { ...operation, policyVersion: null };
  const asked = known ?? { tags: await tagsOf(parts, operation) };
  const decision = decide(parts, policy, operation, asked.tags);
  if (decision.verdict === 'allowed') return { ...operation, policyVersion: policy.version };
  throw refusal(parts, policy, { ...asked, operation, decision });
}

/**
 * What a policy says to an operation that the key is granted. Of a secret that is not there nothing is known about its
 * tags: so whoever hears that there is none would have been let in whatever they were.
 */
export function decide(
  { clock }: Pick<Deciding, 'clock'>,
  policy: PolicyInForce,
  operation: Operation,
  tags: Tags,
): Decision {
  const { action, path } = operation;
  const unknown = tags === undefined && path !== null && action !== 'create';
  const request = requestOf(operation, tags ?? {}, clock.now());
  return policy.decide(request, unknown ? TAGS_UNKNOWN : undefined);
}

/** Of the secret's row, not of any value: the same look whether there is one or not. */
async function tagsOf({ storage }: Pick<Deciding, 'storage'>, { path }: Operation): Promise<Tags> {
  return path === null ? undefined : (await storage.findSecret(path))?.tags;
}

function requestOf({ caller, action, path }: Operation, tags: NonNullable<Tags>, at: number): AccessRequest {
  const { principal, groups, method, client, address, reason = null } = caller;
  // API keys are the only way in so far, and no key is a second factor.
  return { principal, groups, action, path, method, secondFactor: false, client, reason, address, tags, at };
}

interface Refused extends Known {
  readonly operation: Operation;
  readonly decision: Decision;
}

/**
 * Which statement decided may depend on the secret's tags, and so tell that there is one. Whoever may see its metadata
 * knows that anyway.
 */
function refusal(
  parts: Deciding,
  policy: PolicyInForce,
  { operation, tags, what, decision }: Refused,
): PolicyDenial {
  const { by } = decision;
  const open: Operation = { ...operation, action: operation.path === null ? 'audit' : 'metadata' };
  const mayKnow =
    isAllowed(open.caller, open.action, open.path) && decide(parts, policy, open, tags).verdict === 'allowed';
  const statement = by && mayKnow ? `${by.policyId}/${by.statement}` : undefined;
  return new PolicyDenial(policy.version, { statement, what });
}

/** An operation as far as it has come; what it turned out to be is put on record. */
export interface Attempt {
  operation: Operation;
}

/** Runs an operation that puts itself on record where it succeeds, and puts it on record where it does not. */
export async function onRecord<T>(
  parts: Deciding & Pick<VaultParts, 'trail'>,
  asked: Operation,
  work: (attempt: Attempt) => Promise<T>,
  decideAbout: () => Promise<Operation> = () => authorise(parts, asked),
): Promise<T> {
  const attempt: Attempt = { operation: asked };
  try {
    attempt.operation = await decideAbout();
    return await work(attempt);
  } catch (error) {
    await parts.trail.failed(attempt.operation, error);
    throw error;
  }
}
