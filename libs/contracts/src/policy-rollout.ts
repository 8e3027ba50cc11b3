import { z } from 'zod';
import { id } from './names.js';
import { text } from './text.js';

/** Whom a policy is for. A selector is a filter over labels, such as `labels.env = "prod"`. */
export const policyTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('organisation') }),
  z.strictObject({ kind: z.literal('group'), groupId: id('grp') }),
  z.strictObject({ kind: z.literal('selector'), selector: text.min(1).max(2_000) }),
  z.strictObject({ kind: z.literal('agent'), agentId: id('agt') }),
]);
export type PolicyTarget = z.infer<typeof policyTarget>;

/** Shares of the assigned agents in percent; each wave holds those of the one before. */
const waves = z
  .array(z.number().gt(0).max(100))
  .min(1)
  .max(10)
  .refine(
    (all) => all.every((share, index) => index === 0 || share > (all[index - 1] ?? 0)),
    'each wave is larger',
  )
  .refine((all) => all.at(-1) === 100, 'the last wave is 100');

export const rolloutPlan = z.strictObject({
  waves,
  /** How long a wave runs without a reason to halt until the next begins; 0 goes on as soon as all its agents answered. */
  soakSeconds: z
    .int()
    .min(0)
    .max(7 * 86_400),
  haltOn: z.strictObject({
    /** Agents of the waves so far that refused the bundle. */
    rejected: z.int().min(1),
    /** Requests denied by this policy at agents that run the new version, in percent of all of theirs; null: never. */
    deniedPercent: z.number().gt(0).max(100).nullable(),
  }),
});
export type RolloutPlan = z.infer<typeof rolloutPlan>;

/** To everybody at once, and back at the first agent that refuses it. */
export const AT_ONCE: RolloutPlan = {
  waves: [100],
  soakSeconds: 0,
  haltOn: { rejected: 1, deniedPercent: null },
};
/** One in a hundred, a tenth, all; ten minutes each. */
export const CAREFULLY: RolloutPlan = {
  waves: [1, 10, 100],
  soakSeconds: 600,
  haltOn: { rejected: 1, deniedPercent: 20 },
};

export const rolloutHaltReason = z.enum(['rejected', 'denied', 'requested']);
export const ROLLOUT_STATES = ['running', 'paused', 'halted', 'completed'] as const;
export const rolloutState = z.enum(ROLLOUT_STATES);
export type RolloutState = z.infer<typeof rolloutState>;
