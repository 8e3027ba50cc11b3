import type { ErrorCode } from '@keyfleet/kernel';
import { type DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { FastifyRequest } from 'fastify';
import { GraphQLError, parse } from 'graphql';
import type { Logger } from '../http/logger.js';
import { traceIdOf } from '../http/trace.js';
import { formatError, isMutationByGet, statusOfErrors } from './errors.js';
import { assertSize, assertText, depthLimit, limitRules, noSubscriptions } from './limits.js';

export interface GraphQLOptions {
  readonly introspection: boolean;
  readonly logger: Logger;
}

interface Execution {
  readonly data?: unknown;
  readonly errors?: readonly GraphQLError[];
}

/** GraphQL over HTTP; subscriptions come over graphql-ws on the same path, behind the same guard and limits (live/). */
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
    validationRules: ({ source, variables }) => {
      assertText(source);
      return [
        ...limitRules(variables as Record<string, unknown> | undefined, options.introspection),
        noSubscriptions,
      ];
    },
    fieldResolverEnhancers: ['guards'],
    context: (request: FastifyRequest) => ({ req: request }),
    errorFormatter: (execution: Execution, context: unknown) =>
      answer(execution, context, options.logger) as never,
    hooks: {
      preParsing: (_schema: unknown, source: string) => {
        assertSize(source);
        // Mercurius takes a syntax tree as JSON where the text does not parse; no tree of strangers is run.
        parse(source);
      },
    } as never,
  });
}

function answer(execution: Execution, context: unknown, logger: Logger) {
  const request = requestIn(context);
  const traceId = request ? traceIdOf(request) : '';
  const errors = flattenErrors(execution.errors ?? []).map((error) => formatError(error, traceId, logger));
  const codes = errors.map((error) => error.extensions?.['code'] as ErrorCode);
  return {
    statusCode: statusOfErrors(codes, execution.data !== null && execution.data !== undefined),
    response: { data: execution.data ?? null, errors },
  };
}

/** Validation and depth errors come as one error with a list inside. */
function flattenErrors(errors: readonly unknown[]): GraphQLError[] {
  return errors.flatMap((error): GraphQLError[] => {
    const inner =
      (error as { errors?: unknown }).errors ??
      (error as { originalError?: { errors?: unknown } }).originalError?.errors;
    if (Array.isArray(inner) && inner.length > 0 && !isMutationByGet(error)) return flattenErrors(inner);
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
