import {
  type ASTVisitor,
  GraphQLError,
  Lexer,
  NoSchemaIntrospectionCustomRule,
  Source,
  TokenKind,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import { createComplexityRule, fieldExtensionsEstimator, simpleEstimator } from 'graphql-query-complexity';

/** Bounds of one operation; a query beyond any of them is refused before anything is read. */
export const GRAPHQL_LIMITS = {
  depth: 6,
  aliases: 15,
  directives: 50,
  tokens: 1_000,
  cost: 5_000,
  characters: 15_000,
} as const;

/** What tools ask to know the schema is nested this deeply; our own types are not. */
const INTROSPECTION_DEPTH = 16;

export function depthLimit(introspection: boolean): number {
  return introspection ? INTROSPECTION_DEPTH : GRAPHQL_LIMITS.depth;
}

export function refused(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'graphql.refused' } });
}

export function assertText(document: unknown): asserts document is string {
  if (typeof document !== 'string') throw refused('Send the operation as text.');
}

/** Before parsing, so that a huge document costs nothing. Throws where it is over the size limits. */
export function assertSize(document: unknown): asserts document is string {
  assertText(document);
  if (document.length > GRAPHQL_LIMITS.characters)
    throw refused(`The operation has more than ${GRAPHQL_LIMITS.characters} characters.`);
  const lexer = new Lexer(new Source(document));
  for (let count = 0; lexer.advance().kind !== TokenKind.EOF; count += 1) {
    if (count >= GRAPHQL_LIMITS.tokens)
      throw refused(`The operation has more than ${GRAPHQL_LIMITS.tokens} tokens.`);
  }
}

function countingRule(what: 'aliases' | 'directives'): ValidationRule {
  return (context: ValidationContext): ASTVisitor => {
    let count = 0;
    const add = () => {
      count += 1;
      if (count === GRAPHQL_LIMITS[what] + 1)
        context.reportError(refused(`The operation has more than ${GRAPHQL_LIMITS[what]} ${what}.`));
    };
    if (what === 'directives') return { Directive: add };
    return { Field: (node) => (node.alias ? add() : undefined) };
  };
}

/** HTTP answers once; what goes on answering comes over a WebSocket. */
export function noSubscriptions(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition: ({ operation }) => {
      if (operation === 'subscription')
        context.reportError(refused('Subscriptions are answered over a WebSocket (graphql-ws).'));
      return false;
    },
  };
}

/** Over a WebSocket: one subscription, no deeper than a query may be. Everything else is asked over HTTP. */
export function subscriptionRules(introspection: boolean): ValidationRule {
  return (context: ValidationContext): ASTVisitor => {
    let depth = 0;
    return {
      OperationDefinition: ({ operation }) => {
        if (operation !== 'subscription')
          context.reportError(refused('Over a WebSocket only subscriptions are answered.'));
      },
      FragmentDefinition: (fragment) => {
        context.reportError(refused(`A subscription takes no fragments; ${fragment.name.value} is one.`));
      },
      SelectionSet: {
        enter: () => {
          depth += 1;
          if (depth === depthLimit(introspection) + 1)
            context.reportError(refused('The operation is nested too deeply.'));
        },
        leave: () => {
          depth -= 1;
        },
      },
    };
  };
}

/** All rules for one request; cost depends on its variables. */
export function limitRules(
  variables: Record<string, unknown> | undefined,
  introspection: boolean,
): ValidationRule[] {
  const cost = createComplexityRule({
    maximumComplexity: GRAPHQL_LIMITS.cost,
    variables: variables ?? {},
    estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
    createError: (max: number, actual: number) =>
      refused(`The operation costs ${Math.ceil(actual)}; at most ${max} is answered.`),
  });
  const rules = [countingRule('aliases'), countingRule('directives'), cost as ValidationRule];
  return introspection ? rules : [...rules, NoSchemaIntrospectionCustomRule];
}
