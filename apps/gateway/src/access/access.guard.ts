import { KeyfleetError } from '@keyfleet/kernel';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { GqlExecutionContext } from '@nestjs/graphql';
import { ACCESS_RULE, type AccessRule } from './access.decorator.js';
import type { Actor, OrgAccess } from './actor.js';
import { Authenticator } from './authenticator.js';
import { assertSameOrigin } from './origin.js';
import { accessKey, actorOnce, ORG_ACCESS, requestOf, setAccess, type WithOrgAccess } from './request.js';

/** The first of the three tenancy walls: global, default-deny. A handler without a rule is refused. */
@Injectable()
export class AccessGuard implements CanActivate {
  readonly #reflector: Reflector;
  readonly #authenticator: Authenticator;

  constructor(@Inject(Reflector) reflector: Reflector, @Inject(Authenticator) authenticator: Authenticator) {
    this.#reflector = reflector;
    this.#authenticator = authenticator;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.#reflector.get<AccessRule | undefined>(ACCESS_RULE, context.getHandler());
    if (rule?.kind === 'public') return true;
    const request = requestOf(context);
    const actor = await actorOnce(request, () => this.#authenticator.authenticate(request));
    if (actor === null) throw new KeyfleetError('auth.required');
    assertSameOrigin(request, actor);
    if (rule === undefined)
      throw new KeyfleetError('auth.forbidden', { detail: 'This operation has no access rule.' });
    const org = rule.kind === 'permission' ? await this.#organisation(context, actor) : null;
    if (rule.kind === 'permission' && !org?.permissions.has(rule.permission)) {
      throw new KeyfleetError('auth.forbidden', { detail: `This needs the permission ${rule.permission}.` });
    }
    setAccess(accessKey(context), { actor, org });
    return true;
  }

  async #organisation(context: ExecutionContext, actor: Actor): Promise<OrgAccess> {
    const inherited = fromParent(context);
    if (inherited) return inherited;
    const named = organisationNamed(context);
    const org = named === undefined ? null : await this.#authenticator.organisation(actor, named);
    // Foreign and absent are one answer.
    if (org === null) throw new KeyfleetError('resource.not-found');
    return org;
  }
}

/** A field below an organisation is answered for the organisation its parent was checked for, and no other. */
function fromParent(context: ExecutionContext): OrgAccess | null {
  if (context.getType<'http' | 'graphql'>() !== 'graphql') return null;
  const root = GqlExecutionContext.create(context).getRoot<Partial<WithOrgAccess> | undefined>();
  return root?.[ORG_ACCESS]?.org ?? null;
}

function organisationNamed(context: ExecutionContext): string | undefined {
  if (context.getType<'http' | 'graphql'>() === 'graphql') {
    const args = GqlExecutionContext.create(context).getArgs<{ org?: string; slug?: string; id?: string }>();
    return args.org ?? args.slug;
  }
  return (requestOf(context).params as { org?: string }).org;
}
