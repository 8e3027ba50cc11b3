import { z } from 'zod';
import { id } from '../names.js';
import { policyTarget } from '../policy-rollout.js';

/** So many at once: each is a command of its own. */
const MOST = 100;

const policies = z
  .array(id('pol'))
  .min(1)
  .max(MOST)
  .check(({ value, issues }) => {
    value.forEach((one, index) => {
      if (value.indexOf(one) < index)
        issues.push({ code: 'custom', path: [index], message: 'This policy is named twice.', input: one });
    });
  })
  .meta({ uniqueItems: true });

/** One thing asked of many policies; each is changed, or not, by itself. */
export const bulkPoliciesRequest = z
  .discriminatedUnion('action', [
    z.strictObject({ action: z.literal('assign'), policies, target: policyTarget }),
    z.strictObject({ action: z.literal('unassign'), policies, target: policyTarget }),
    z.strictObject({ action: z.literal('retire'), policies }),
    z.strictObject({
      action: z.literal('rollout'),
      policies,
      control: z.enum(['pause', 'resume', 'halt']),
    }),
  ])
  .meta({ id: 'BulkPolicies' });
export type BulkPoliciesRequest = z.infer<typeof bulkPoliciesRequest>;

export const bulkPoliciesQuery = z.strictObject({
  /** Says what would come of it and writes nothing. */
  dryRun: z.enum(['true', 'false']).default('false'),
});

export const BULK_OUTCOMES = ['done', 'would', 'unchanged', 'refused'] as const;

export const bulkPolicyItem = z
  .object({
    id: id('pol'),
    /** `null` where the organisation has no such policy. */
    name: z.string().nullable(),
    /** `would` only in a dry run, `done` only outside of one; `unchanged` where it is so already. */
    outcome: z.enum(BULK_OUTCOMES),
    /** Of the refusal. */
    code: z.string().nullable(),
    /** Why it was refused, in words. */
    detail: z.string().nullable(),
    /** In a dry run, where something would change: how many agents it meets now. */
    agents: z.int().nullable(),
  })
  .meta({ id: 'BulkPolicyItem' });
export type BulkPolicyItem = z.infer<typeof bulkPolicyItem>;

/** One item for each policy, in the order asked; and how many of each outcome. */
export const bulkPoliciesAnswer = z
  .object({
    dryRun: z.boolean(),
    done: z.int(),
    would: z.int(),
    unchanged: z.int(),
    refused: z.int(),
    items: z.array(bulkPolicyItem),
  })
  .meta({ id: 'BulkPoliciesAnswer' });
export type BulkPoliciesAnswer = z.infer<typeof bulkPoliciesAnswer>;
