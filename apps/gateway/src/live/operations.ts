import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import {
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { GraphQLContext } from '../access/request.js';
import { assertSize, limitRules, subscriptionRules } from '../graphql/limits.js';

/** What a client sends to start a subscription; nothing of it is checked yet. */
export interface Asked {
  readonly query: unknown;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
}

/** What came with the upgrade, the only place credentials are read from. */
export interface UpgradeRequest {
  readonly headers: FastifyRequest['headers'];
  readonly cookies: Record<string, string | undefined>;
}

export interface OperationOptions {
  readonly schema: GraphQLSchema;
  readonly introspection: boolean;
}

/** The same limits as over HTTP, before anything is resolved: an operation to run, or why it is refused. */
export function toOperation(
  asked: Asked,
  request: UpgradeRequest,
  { schema, introspection }: OperationOptions,
): ExecutionArgs | readonly GraphQLError[] {
  try {
    assertSize(asked.query);
    const document = parse(asked.query);
    const variables = asked.variables ?? {};
    const rules = [
      ...specifiedRules,
      ...limitRules(variables, introspection),
      subscriptionRules(introspection),
    ];
    const errors = validate(schema, document, rules);
    if (errors.length > 0) return errors;
    return {
      schema,
      document,
      operationName: asked.operationName,
      variableValues: variables,
      contextValue: { req: requestOf(request) } satisfies GraphQLContext,
    };
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}

/** One object per subscription: the guard proves the credential anew for each, not once per socket. */
function requestOf({ headers, cookies }: UpgradeRequest): FastifyRequest {
  return { id: randomUUID(), method: 'GET', headers, cookies, params: {} } as unknown as FastifyRequest;
}
