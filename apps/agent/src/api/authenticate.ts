import { randomUUID } from 'node:crypto';
import type { Clock } from '@keyfleet/kernel';
import { parseTraceparent } from '@keyfleet/platform';
import type { FastifyRequest } from 'fastify';
import { hashApiKey, isApiKey } from '../access/api-key.js';
import { type Caller, clientOf, reasonFrom } from '../access/caller.js';
import type { VaultStorage } from '../storage/port.js';

const BEARER = /^Bearer ([\x21-\x7e]{1,200})$/i;

/** Who sent a request. Never refuses: what a stranger may do, which is nothing, is decided with everything else. */
export function createAuthenticate(
  storage: Pick<VaultStorage, 'findApiKey'>,
  clock: Pick<Clock, 'now'>,
): (request: FastifyRequest) => Promise<Caller> {
  return async (request) => {
    const from = {
      address: request.ip ?? null,
      client: clientOf(request.headers['user-agent']),
      reason: reasonFrom(request.headers['keyfleet-reason']),
      traceId: parseTraceparent(request.headers.traceparent)?.traceId ?? randomUUID().replaceAll('-', ''),
    };
    const given = request.headers.authorization;
    if (given === undefined) return stranger('missing', from);
    const key = BEARER.exec(given)?.[1];
    const found = key && isApiKey(key) ? await storage.findApiKey(hashApiKey(key)) : undefined;
    if (!found || (found.expiresAt !== null && Date.parse(found.expiresAt) <= clock.now()))
      return stranger('unknown', from);
    const { principal, groups, grants } = found;
    return { credential: 'known', method: 'api-key', principal, groups, grants, ...from };
  };
}

function stranger(
  credential: 'missing' | 'unknown',
  from: Pick<Caller, 'address' | 'client' | 'reason' | 'traceId'>,
): Caller {
  return { credential, method: 'none', principal: 'anonymous', groups: [], grants: [], ...from };
}
