import type { ErrorCode } from '@keyfleet/kernel';
import { type DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';
import { isSameOrigin } from '../access/origin.js';
import type { Logger } from '../http/logger.js';
import { traceIdOf } from '../http/trace.js';
import { formatError, statusOfErrors } from './errors.js';
import { assertSize, depthLimit, limitRules } from './limits.js';

export interface GraphQLOptions {
  readonly introspection: boolean;
  readonly logger: Logger;
}

interface Execution {
  readonly data?: unknown;
  readonly errors?: readonly GraphQLError[];
}

/** GraphQL over HTTP and graphql-ws on one path, both behind the same guard and limits. */
export function graphQL(options: GraphQLOptions): DynamicModule {
  return GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    path: '/api/graphql',
    autoSchemaFile: true,
    sortSchema: true,
    graphiql: false,
    // Cost depends on variables, so validated documents cannot be cached across requests.
    cache: false,
    queryDepth: depthLimit(options.introspection),
    validationRules: ({ variables }) =>
      limitRules(variables as Record<string, unknown> | undefined, options.introspection),
    fieldResolverEnhancers: ['guards'],
    context: (request: FastifyRequest) => ({ req: request }),
    errorFormatter: (execution: Execution, context: unknown) =>
      answer(execution, context, options.logger) as never,
    hooks: {
      preParsing: (_schema: unknown, source: string) => {
        assertSize(source);
      },
    } as never,
    subscription: {
      fullWsTransport: false,
      queueHighWaterMark: 100,
      keepAlive: 20_000,
      verifyClient: (info, next) => {
        const host = info.req.headers.host;
        const allowed = isSameOrigin({ headers: { ...info.req.headers, host }, protocol: 'http' });
        next(allowed, 403, 'foreign origin');
      },
      context: (_socket, request) => ({ req: request }),
    },
  });
}

function answer(execution: Execution, context: unknown, logger: Logger) {
  const request = requestIn(context);
  const traceId = request ? traceIdOf(request) : '';
  const errors = flatten(execution.errors ?? []).map((error) => formatError(error, traceId, logger));
  const codes = errors.map((error) => error.extensions?.['code'] as ErrorCode);
  return {
    statusCode: statusOfErrors(codes, execution.data !== null && execution.data !== undefined),
    response: { data: execution.data ?? null, errors },
  };
}

/** Validation and depth errors come as one error with a list inside. */
function flatten(errors: readonly unknown[]): GraphQLError[] {
  return errors.flatMap((error): GraphQLError[] => {
    const inner =
      (error as { errors?: unknown }).errors ??
      (error as { originalError?: { errors?: unknown } }).originalError?.errors;
    if (Array.isArray(inner) && inner.length > 0) return flatten(inner);
    return [
      error instanceof GraphQLError
        ? error
        : new GraphQLError(String((error as Error).message), { originalError: error as Error }),
    ];
  });
}

function requestIn(context: unknown): FastifyRequest | undefined {
  const { req, reply } = (context ?? {}) as { req?: FastifyRequest; reply?: { request?: FastifyRequest } };
  return req ?? reply?.request;
}
