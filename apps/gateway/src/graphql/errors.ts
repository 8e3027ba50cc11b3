import { ERROR_CODES, type ErrorCode, isKeyfleetError, KeyfleetError, kindOf } from '@keyfleet/kernel';
import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import type { Logger } from '../http/logger.js';

/** What mercurius calls it; it is no GraphQL error. */
const TOO_DEEP = 'MER_ERR_GQL_QUERY_DEPTH';

/** One error of a GraphQL answer, with the same stable code as in REST. Nothing unforeseen is told. */
export function formatError(error: GraphQLError, traceId: string, logger: Logger): GraphQLFormattedError {
  const found = known(error);
  if (found.code === 'internal.error')
    logger.error({ err: error.originalError ?? error, traceId }, 'GraphQL operation failed');
  return {
    message: found.message,
    ...(error.locations ? { locations: error.locations } : {}),
    ...(error.path ? { path: error.path } : {}),
    extensions: {
      code: found.code,
      traceId,
      ...(found.details.errors ? { errors: found.details.errors } : {}),
      ...(found.details.retryAfterMs === undefined ? {} : { retryAfterMs: found.details.retryAfterMs }),
    },
  };
}

function known(error: GraphQLError): KeyfleetError {
  if (isKeyfleetError(error.originalError)) return error.originalError;
  const code = error.extensions['code'];
  if (typeof code === 'string' && code in ERROR_CODES)
    return new KeyfleetError(code as ErrorCode, { detail: error.message });
  if (codeOf(error.originalError) === TOO_DEEP)
    return new KeyfleetError('graphql.refused', { detail: 'The operation is nested too deeply.' });
  // Syntax and validation errors have no original error; their text names the schema's own fields only.
  if (error.originalError === undefined)
    return new KeyfleetError('graphql.refused', { detail: error.message });
  return new KeyfleetError('internal.error');
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | undefined)?.code;
}

/** 200 with data, else what the first error's kind says; the client tells the cases apart by `code`. */
export function statusOfErrors(codes: readonly ErrorCode[], hasData: boolean): number {
  const first = codes[0];
  if (hasData || first === undefined) return 200;
  const kind = kindOf(first);
  if (kind === 'invalid') return 400;
  if (kind === 'unauthenticated') return 401;
  return 200;
}
