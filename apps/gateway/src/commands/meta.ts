import { createHash } from 'node:crypto';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { deriveId, newId } from '@keyfleet/platform';
import canonicalize from 'canonicalize';
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../access/actor.js';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;
/** As the stores count. */
const GREATEST_REVISION = 2n ** 63n - 1n;
const IF_MATCH = /^(?:W\/)?"(\d{1,19})"$/;

export interface CommandOrigin {
  readonly actor: Pick<Actor, 'id'>;
  readonly orgId: string | null;
  /** Route template or GraphQL field; part of what an Idempotency-Key is bound to. */
  readonly operation: string;
  readonly body: unknown;
}

/** What a command carries beside its data. Of client headers only a valid traceparent, the key and If-Match are used. */
export function commandMetaOf(
  request: Pick<FastifyRequest, 'headers' | 'id'>,
  origin: CommandOrigin,
): CommandMeta {
  const { traceparent } = request.headers;
  const key = idempotencyKey(request.headers['idempotency-key']);
  const ifMatch = revisionOf(request.headers['if-match']);
  return {
    commandId:
      key === undefined
        ? newId('cmd')
        : deriveId('cmd', origin.orgId ?? '', origin.actor.id, origin.operation, key),
    actor: origin.actor.id,
    orgId: origin.orgId,
    correlationId: request.id,
    ...(typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? { traceparent } : {}),
    ...(key === undefined ? {} : { bodyHash: hashOf(origin.body) }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
  };
}

function hashOf(body: unknown): string {
  return createHash('sha256')
    .update(canonicalize(body ?? null) ?? '')
    .digest('hex');
}

function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return header;
  throw new KeyfleetError('request.invalid', {
    errors: [{ pointer: 'header/idempotency-key', message: 'must be 1 to 200 visible ASCII characters' }],
  });
}

function revisionOf(header: string | undefined): string | undefined {
  if (header === undefined || header === '*') return undefined;
  const revision = IF_MATCH.exec(header)?.[1];
  if (revision !== undefined && BigInt(revision) <= GREATEST_REVISION) return revision;
  throw new KeyfleetError('request.invalid', {
    errors: [{ pointer: 'header/if-match', message: 'must be an ETag as this API gives it' }],
  });
}
