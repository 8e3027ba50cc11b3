import { z } from 'zod';
import { SECRET_ACTIONS } from './events/vault.js';
import { source } from './text.js';

/** What a policy may have: enough for people, and few enough that every list can be read and judged. */
export const POLICY_LIMITS = {
  statements: 1_000,
  principals: 100,
  resources: 100,
  conditionLength: 2_000,
  /** Stars in one pattern of a name; each one more makes matching slower by the length of the name. */
  stars: 4,
} as const;

/** A name with stars; `@` before it means a group. No name begins with `@`, so the two cannot be mistaken. */
const PRINCIPAL_PATTERN = /^(?:\*|@?[A-Za-z0-9*][A-Za-z0-9._:@/*-]{0,127})$/;
/** Segments as in a secret's path with stars within them, or `**` for any number of segments. */
const RESOURCE_PATTERN =
  /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?:\*\*|[A-Za-z0-9._*-]{1,64})(?:\/(?:\*\*|[A-Za-z0-9._*-]{1,64})){0,15}$/;
/** Stands for what concerns the vault as a whole, such as its keys: no path matches it. */
export const WHOLE_VAULT = '@vault';

const fewStars = (text: string): boolean =>
  text
    .split('/')
    .every((segment) => segment === '**' || (segment.match(/\*/g) ?? []).length <= POLICY_LIMITS.stars);
const noDoubleStars = (text: string): boolean => {
  return text.split('/').every((segment) => segment === '**' || !segment.includes('**'));
};

/** `app:billing`, `ci:*`, `@ops` for a group, `*` for everybody. */
export const principalPattern = z
  .string()
  .max(128)
  .regex(PRINCIPAL_PATTERN, 'must be a name such as app:billing or ci:*, or a group such as @ops')
  .refine(
    (text) => !text.includes('**'),
    'one star stands for any characters; two together mean nothing more',
  )
  .refine(fewStars, `at most ${POLICY_LIMITS.stars} stars`);

/** Such as `team/app-1`, `team/**` for team and everything below it, `@vault` for the vault as a whole. */
export const resourcePattern = z
  .string()
  .max(256)
  .refine(
    (text) => text === WHOLE_VAULT || RESOURCE_PATTERN.test(text),
    'must be a path such as team/app/db-*, team/** or @vault',
  )
  .refine(noDoubleStars, '** stands alone between slashes')
  .refine(fewStars, `at most ${POLICY_LIMITS.stars} stars in a segment`)
  .refine(
    (text) => text.split('/').filter((segment) => segment === '**').length <= 2,
    'at most two ** in a path',
  );

export const POLICY_ACTIONS = [...SECRET_ACTIONS, '*'] as const;
export const policyEffect = z.enum(['allow', 'deny']);

/** One rule. What it names is united: any of its principals, any of its actions, any of its resources. */
export const policyStatement = z.strictObject({
  /** Names it in decisions, conflicts and audit; unique in its policy. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be a name such as deny-after-hours'),
  effect: policyEffect,
  principals: z.array(principalPattern).min(1).max(POLICY_LIMITS.principals),
  actions: z.array(z.enum(POLICY_ACTIONS)).min(1).max(POLICY_ACTIONS.length),
  resources: z.array(resourcePattern).min(1).max(POLICY_LIMITS.resources),
  /** CEL over identity, time, network and request; without one it always holds. */
  condition: source.trim().min(1).max(POLICY_LIMITS.conditionLength).optional(),
});
export type PolicyStatement = z.infer<typeof policyStatement>;
export type PolicyEffect = z.infer<typeof policyEffect>;

export const policyDocument = z.strictObject({
  statements: z
    .array(policyStatement)
    .min(1)
    .max(POLICY_LIMITS.statements)
    .refine(
      (all) => new Set(all.map(({ id }) => id)).size === all.length,
      'every statement needs an id of its own',
    ),
});
export type PolicyDocument = z.infer<typeof policyDocument>;
