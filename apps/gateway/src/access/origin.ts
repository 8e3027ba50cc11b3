import { KeyfleetError } from '@keyfleet/kernel';
import type { FastifyRequest } from 'fastify';
import type { Actor } from './actor.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** True where a browser sent this from a page of ours, or no browser did. */
export function isSameOrigin(request: Pick<FastifyRequest, 'headers'>): boolean {
  const origin = request.headers.origin;
  if (origin === undefined) return true;
  try {
    return new URL(origin).host === request.headers.host;
  } catch {
    return false;
  }
}

/** A cookie travels with foreign pages too, so an unsafe request that lives on one must come from our own. */
export function assertSameOrigin(request: FastifyRequest, actor: Pick<Actor, 'sessionId'>): void {
  if (actor.sessionId === null) return;
  const upgrade = request.headers.upgrade?.toLowerCase() === 'websocket';
  if (SAFE.has(request.method) && !upgrade) return;
  if (!isSameOrigin(request)) throw new KeyfleetError('auth.origin');
}
