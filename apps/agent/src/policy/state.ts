import { id, sha256, timestamp } from '@keyfleet/contracts';
import { PolicyBypassed } from '@keyfleet/contracts/events';
import { z } from 'zod';

/** At most so long, whatever is asked: a way back in, not a way of life. */
export const MAX_BYPASS_MS = 24 * 3_600_000;
/** Refusals remembered, so that each is told once. */
export const MAX_REFUSALS = 32;

const bypass = z.strictObject({
  since: timestamp,
  until: timestamp,
  reason: PolicyBypassed.data.shape.reason,
  /** The newest audit line when it began: those after it are what was asked meanwhile. */
  auditSeq: z.int().min(0),
});
export type Bypass = z.infer<typeof bypass>;

/**
 * What the vault itself remembers of policies, in the transaction of the event that tells of it. It is why lost or
 * changed files are noticed and no older policy ever returns.
 */
export const policyState = z.strictObject({
  v: z.literal(1),
  /** Whose policy it is; null before the first. */
  agentId: id('agt').nullable(),
  /** The highest that was in force; 0 before the first. */
  version: z.int().min(0),
  hash: sha256.nullable(),
  /** Only so that none is told twice: what is refused is decided by whoever can read it. */
  refused: z.array(z.string()),
  bypass: bypass.nullable(),
});
export type PolicyState = z.infer<typeof policyState>;

/** `revision` rises with every change, 0 before the first. */
export interface PolicyRecord {
  readonly revision: number;
  readonly state: PolicyState;
}

export const NO_POLICY: PolicyState = {
  ...{ v: 1, agentId: null, version: 0, hash: null },
  ...{ refused: [], bypass: null },
};

/** Whether a bypass holds at this time. A clock set back to before it began, or a longer time than may be, ends it. */
export function isBypassed(bypass: Bypass | null, now: number): boolean {
  if (!bypass) return false;
  const since = Date.parse(bypass.since);
  return now >= since && now < Math.min(Date.parse(bypass.until), since + MAX_BYPASS_MS);
}
