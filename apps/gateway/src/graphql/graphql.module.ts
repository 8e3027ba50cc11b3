import type { ErrorCode } from '@keyfleet/kernel';
import { type DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import type { FastifyRequest } from 'fastify';
import { type DocumentNode, GraphQLError, type GraphQLSchema } from 'graphql';
import type { Logger } from '../http/logger.js';
import { traceIdOf } from '../http/trace.js';
import { formatError, isMutationByGet, statusOfErrors } from './errors.js';
import {
  assertAffordable,
  assertLength,
  assertParsed,
  depthLimit,
  documentRules,
  GRAPHQL_LIMITS,
  isTheOperation,
  noSubscriptions,
} from './limits.js';

export interface GraphQLOptions {
  readonly introspection: boolean;
  readonly logger: Logger;
}

/** Parsed and validated; few clients ask in many ways. Each is at most some hundred kilobytes. */
const KEPT_DOCUMENTS = 128;
/** Compiling takes as long as answering a few times does. */
const ASKED_BEFORE_COMPILED = 4;

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
    cache: KEPT_DOCUMENTS,
    jit: ASKED_BEFORE_COMPILED,
    queryDepth: depthLimit(options.introspection),
    // Of the document alone: what they say is kept with it.
    validationRules: [...documentRules(options.introspection), noSubscriptions],
    graphql: { parseOptions: { maxTokens: GRAPHQL_LIMITS.tokens } },
    fieldResolverEnhancers: ['guards'],
    context: (request: FastifyRequest) => ({ req: request }),
    errorFormatter: (execution: Execution, context: unknown) =>
      answer(execution, context, options.logger) as never,
    hooks: {
      preParsing: (_schema: unknown, source: string) => assertLength(source),
      preValidation: (_schema: unknown, document: DocumentNode) => assertParsed(document),
      preExecution: (schema: GraphQLSchema, document: DocumentNode, context: unknown, variables: unknown) => {
        // Cost depends on variables, so it is asked for each time.
        assertAffordable(schema, document, variables as Record<string, unknown> | undefined);
        return isTheOperation(document, operationNamed(context)) ? undefined : { document };
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

function operationNamed(context: unknown): unknown {
  const { body, query } = requestIn(context) ?? {};
  return (
    (body as { operationName?: unknown } | undefined)?.operationName ??
    (query as { operationName?: unknown } | undefined)?.operationName
  );
}

function requestIn(context: unknown): FastifyRequest | undefined {
  const { req, reply } = (context ?? {}) as { req?: FastifyRequest; reply?: { request?: FastifyRequest } };
  return req ?? reply?.request;
}
