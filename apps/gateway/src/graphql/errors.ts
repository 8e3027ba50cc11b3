import { ERROR_CODES, type ErrorCode, isKeyfleetError, KeyfleetError, kindOf } from '@keyfleet/kernel';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from '../http/logger.js';

/** What mercurius calls it; it is no GraphQL error. */
const MUTATION_BY_GET = 'MER_ERR_METHOD_NOT_ALLOWED';
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
  // What does not fit the type of a variable is wrapped once more; `refused` where nothing of ours is inside.
  if (error.originalError instanceof GraphQLError) return withinVariable(error, error.originalError);
  const code = error.extensions['code'];
  if (typeof code === 'string' && code in ERROR_CODES)
    return new KeyfleetError(code as ErrorCode, { detail: error.message });
  if (codeOf(error.originalError) === TOO_DEEP)
    return new KeyfleetError('graphql.refused', { detail: 'The operation is nested too deeply.' });
  // Syntax and validation errors have no original error; their text names the schema's own fields only.
  if (error.originalError === undefined)
    return new KeyfleetError('graphql.refused', { detail: error.message });
  return beforeExecution(error) ?? new KeyfleetError('internal.error');
}

function withinVariable(outer: GraphQLError, inner: GraphQLError): KeyfleetError {
  const found = known(inner);
  return found.code === 'graphql.refused'
    ? new KeyfleetError('graphql.refused', { detail: outer.message })
    : found;
}

/** Requests the server could not even take for GraphQL: wrong JSON, no query, a mutation by GET. */
function beforeExecution({ path, originalError }: GraphQLError): KeyfleetError | null {
  const { statusCode } = (originalError ?? {}) as { readonly statusCode?: unknown };
  const refused = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500;
  if (path !== undefined || !(refused || originalError instanceof SyntaxError)) return null;
  if (statusCode === 413) return new KeyfleetError('request.too-large');
  if (statusCode === 405)
    return new KeyfleetError('graphql.refused', { detail: 'Send mutations with POST.' });
  return new KeyfleetError('request.malformed', {
    detail: 'Send a JSON object with `query`, and `variables` as an object where there are any.',
  });
}

/** Its list names the method and has no code; the error itself has. */
export function isMutationByGet(error: unknown): boolean {
  const { originalError } = (error ?? {}) as { readonly originalError?: unknown };
  return codeOf(error) === MUTATION_BY_GET || codeOf(originalError) === MUTATION_BY_GET;
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
  if (kind === 'too-large') return 413;
  if (kind === 'unauthenticated') return 401;
  return 200;
}
