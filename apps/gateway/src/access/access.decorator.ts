import type { Permission } from '@keyfleet/contracts';
import { KeyfleetError } from '@keyfleet/kernel';
import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Actor, OrgAccess } from './actor.js';
import { accessOf } from './request.js';

export const ACCESS_RULE = 'keyfleet:access';

export type AccessRule =
  | { readonly kind: 'public'; readonly reason: string }
  | { readonly kind: 'signed-in' }
  | { readonly kind: 'permission'; readonly permission: Permission };

/** Open without sign-in. The list of these routes is a snapshot in the tests; give the reason. */
export const Public = (reason: string) =>
  SetMetadata(ACCESS_RULE, { kind: 'public', reason } satisfies AccessRule);

/** Any signed-in person or valid token, outside an organisation. */
export const SignedIn = () => SetMetadata(ACCESS_RULE, { kind: 'signed-in' } satisfies AccessRule);

/** Needs this permission in the organisation the request names. */
export const Requires = (permission: Permission) =>
  SetMetadata(ACCESS_RULE, { kind: 'permission', permission } satisfies AccessRule);

/** The actor the guard has proved. */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  return accessOf(context).actor;
});

/** The organisation the guard has checked. */
export const CurrentOrg = createParamDecorator((_: unknown, context: ExecutionContext): OrgAccess => {
  const { org } = accessOf(context);
  if (org === null)
    throw new KeyfleetError('internal.error', { detail: 'no organisation was checked for this route' });
  return org;
});
