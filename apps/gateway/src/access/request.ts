import { KeyfleetError } from '@keyfleet/kernel';
import type { ExecutionContext } from '@nestjs/common';
import { GqlExecutionContext } from '@nestjs/graphql';
import type { FastifyRequest } from 'fastify';
import type { Access, Actor, OrgAccess } from './actor.js';

/** Where the guard leaves what it found, by request; a WeakMap so that nothing in a request can pose as it. */
const checked = new WeakMap<object, Access>();
const actors = new WeakMap<object, Promise<Actor | null>>();

export interface GraphQLContext {
  readonly req: FastifyRequest;
}

export function requestOf(context: ExecutionContext): FastifyRequest {
  if (context.getType<'http' | 'graphql'>() === 'graphql') {
    return GqlExecutionContext.create(context).getContext<GraphQLContext>().req;
  }
  return context.switchToHttp().getRequest<FastifyRequest>();
}

/**
 * GraphQL: one request may ask several organisations, so access hangs on the parent object there.
 * `ORG_ACCESS` is a symbol: it is never part of a result.
 */
export const ORG_ACCESS = Symbol('organisation access');

export interface WithOrgAccess {
  readonly [ORG_ACCESS]: { readonly actor: Actor; readonly org: OrgAccess };
}

export function setAccess(target: object, access: Access): void {
  checked.set(target, access);
}

export function accessOf(context: ExecutionContext): Access {
  const found = checked.get(accessKey(context));
  if (!found) throw new KeyfleetError('auth.required');
  return found;
}

/** HTTP: the request. GraphQL: the info object, which is one per resolver call. */
export function accessKey(context: ExecutionContext): object {
  if (context.getType<'http' | 'graphql'>() === 'http') return requestOf(context);
  return GqlExecutionContext.create(context).getInfo<object>();
}

/** Authenticates a request once, however many resolvers ask. */
export function actorOnce(request: object, authenticate: () => Promise<Actor | null>): Promise<Actor | null> {
  let actor = actors.get(request);
  if (!actor) actors.set(request, (actor = authenticate()));
  return actor;
}
