import { ERROR_CODES, type ErrorCode } from '@keyfleet/kernel';
import { z } from 'zod';
import { id, sha256 } from '../names.js';

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** Travels with every command between services; made by the gateway from a checked session or token. */
export const commandMeta = z.strictObject({
  /** Derived from (org, actor, route, key) where there is an Idempotency-Key, else fresh. */
  commandId: id('cmd'),
  /** A user, token, agent or service id. */
  actor: z.string().regex(/^(?:usr|tok|agt|svc|ins)_[0-9a-z-]{1,60}$/),
  /** The organisation acted in; `null` for the installation. */
  orgId: id('org').nullable(),
  correlationId: z.string().max(64),
  traceparent: z
    .string()
    .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
  /** Present with an Idempotency-Key: SHA-256 of the canonical body. */
  bodyHash: sha256.optional(),
  /** Stream revision the caller insists on (If-Match), as decimal text. */
  ifMatch: z
    .string()
    .regex(/^\d{1,19}$/)
    .optional(),
});
export type CommandMeta = z.infer<typeof commandMeta>;

export const commandFailure = z.strictObject({
  code: z.enum(codes),
  detail: z.string().max(1_000).optional(),
  errors: z
    .array(z.strictObject({ pointer: z.string().max(300), message: z.string().max(500) }))
    .max(50)
    .optional(),
  retryAfterMs: z.int().min(0).optional(),
  extensions: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
export type CommandFailure = z.infer<typeof commandFailure>;

/** One command of one service: subject, request and reply, each with one schema. */
export interface CommandContract<Request extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> {
  readonly subject: string;
  readonly request: Request;
  readonly reply: Reply;
}

export function defineCommand<Request extends z.ZodType, Reply extends z.ZodType>(
  subject: `kf.svc.${string}`,
  request: Request,
  reply: Reply,
): CommandContract<Request, Reply> {
  return { subject, request, reply };
}

/** What stands on the wire as the answer to a command. */
export type CommandReply<Data = unknown> =
  | {
      readonly ok: true;
      readonly data: Data /** Store position after the change. */;
      readonly position?: string /** Stream revision after it. */;
      readonly revision?: string /** It was so already: nothing was written. */;
      readonly unchanged?: true;
    }
  | { readonly ok: false; readonly error: CommandFailure };
