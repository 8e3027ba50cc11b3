import {
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  Lexer,
  Location,
  NoSchemaIntrospectionCustomRule,
  Source,
  TokenKind,
  type ValidationContext,
  type ValidationRule,
  validate,
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

const AS_TEXT = 'Send the operation as text.';

export function refused(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'graphql.refused' } });
}

/** Before parsing, so that a huge document costs nothing. Throws where it is over the size limits. */
export function assertSize(document: unknown): asserts document is string {
  assertLength(document);
  const lexer = new Lexer(new Source(document));
  for (let count = 0; lexer.advance().kind !== TokenKind.EOF; count += 1) {
    if (count >= GRAPHQL_LIMITS.tokens)
      throw refused(`The operation has more than ${GRAPHQL_LIMITS.tokens} tokens.`);
  }
}

export function assertLength(document: unknown): asserts document is string {
  if (typeof document !== 'string') throw refused(AS_TEXT);
  if (document.length > GRAPHQL_LIMITS.characters)
    throw refused(`The operation has more than ${GRAPHQL_LIMITS.characters} characters.`);
}

/** Mercurius takes a syntax tree as JSON where the text does not parse; no tree of strangers is run, and JSON has no classes. */
export function assertParsed(document: DocumentNode | null): void {
  if (!(document?.loc instanceof Location)) throw refused(AS_TEXT);
}

/** Whether the document has one operation and this is its name, where one is named: what is compiled heeds no name. */
export function isTheOperation({ definitions }: DocumentNode, named: unknown): boolean {
  const operations = definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  return operations.length === 1 && (!named || operations[0]?.name?.value === named);
}

/** Of documents that are kept: with which variables they were found affordable, as text. */
const affordable = new WeakMap<DocumentNode, Set<string>>();
const KEPT_VARIABLES = { sets: 32, characters: 500 };

/** Throws where the document costs too much with these variables. */
export function assertAffordable(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Record<string, unknown> | undefined,
): void {
  const text = JSON.stringify(variables ?? {});
  const known = affordable.get(document) ?? new Set();
  if (known.has(text)) return;
  const [error] = validate(schema, document, [costRule(variables)]);
  if (error) throw error;
  if (text.length > KEPT_VARIABLES.characters) return;
  if (known.size >= KEPT_VARIABLES.sets) known.clear();
  affordable.set(document, known.add(text));
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

function costRule(variables: Record<string, unknown> | undefined): ValidationRule {
  const rule = createComplexityRule({
    maximumComplexity: GRAPHQL_LIMITS.cost,
    variables: variables ?? {},
    estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
    createError: (max: number, actual: number) =>
      refused(`The operation costs ${Math.ceil(actual)}; at most ${max} is answered.`),
  });
  return rule as ValidationRule;
}

/** What a document may be, whatever its variables. */
export function documentRules(introspection: boolean): ValidationRule[] {
  const rules = [countingRule('aliases'), countingRule('directives')];
  return introspection ? rules : [...rules, NoSchemaIntrospectionCustomRule];
}

/** All rules for one request; cost depends on its variables. */
export function limitRules(
  variables: Record<string, unknown> | undefined,
  introspection: boolean,
): ValidationRule[] {
  return [...documentRules(introspection), costRule(variables)];
}
