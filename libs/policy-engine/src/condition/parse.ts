import { type ASTNode, ParseError } from '@marcbachmann/cel-js';
import type { Expression } from './expression.js';
import { language, VARIABLES } from './language.js';
import { nearest } from './nearest.js';
import { ConditionError, type ConditionProblem, placeIn } from './problem.js';
import { reduce } from './reduce.js';

const FUNCTIONS = [
  ...['startsWith', 'endsWith', 'contains', 'inNetwork', 'has', 'timestamp'],
  ...['timeOfDay', 'getDayOfWeek', 'getHours'],
];

/**
 * A condition out of its text: parsed and type-checked as CEL, then reduced to what the engine knows. Throws a
 * ConditionError that names the place and, for an unknown name, the nearest known one.
 */
export function parseCondition(text: string): Expression {
  let parsed: ReturnType<typeof language.parse>;
  try {
    parsed = language.parse(text);
  } catch (error) {
    throw new ConditionError(syntaxProblem(text, error));
  }
  const { valid, type, error } = parsed.check();
  if (!valid) throw new ConditionError(typeProblem(text, error));
  if (type !== 'bool')
    throw new ConditionError({
      ...{ code: 'type', message: `A condition is true or false; this is a ${type ?? 'value'}` },
      ...placeIn(text, 0),
    });
  return reduce(parsed.ast);
}

/** What is wrong with a text, undefined where nothing is. */
export function checkCondition(text: string): ConditionProblem | undefined {
  try {
    parseCondition(text);
    return undefined;
  } catch (error) {
    if (error instanceof ConditionError) return error.problem;
    throw error;
  }
}

interface Failure {
  readonly code?: string;
  readonly summary?: string;
  readonly range?: { readonly start: number };
  readonly node?: { readonly op?: unknown; readonly args?: unknown };
}

function syntaxProblem(text: string, error: unknown): ConditionProblem {
  if (!(error instanceof ParseError)) throw error;
  const place = placeIn(text, error.range?.start ?? 0);
  const code = error.code === 'limit_exceeded' ? 'too-complex' : 'syntax';
  return { code, message: error.summary, ...place };
}

function typeProblem(text: string, error: Failure = {}): ConditionProblem {
  const start = error.range?.start ?? 0;
  const place = placeIn(text, start);
  const message = error.summary ?? 'The types do not fit';
  if (error.code === 'unknown_variable')
    return unknownName(/^[A-Za-z_]\w*/.exec(text.slice(start))?.[0] ?? '', Object.keys(VARIABLES), place);
  const called = calledName(error.node as ASTNode | undefined);
  if (error.code === 'no_matching_overload' && called !== undefined && !FUNCTIONS.includes(called))
    return unknownName(called, FUNCTIONS, place);
  return { code: 'type', message, ...place };
}

function calledName(node: ASTNode | undefined): string | undefined {
  return node?.op === 'call' || node?.op === 'rcall' ? node.args[0] : undefined;
}

function unknownName(
  name: string,
  known: readonly string[],
  place: { readonly line: number; readonly column: number },
): ConditionProblem {
  const near = nearest(name, known);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  return { code: 'unknown-name', message: `Nothing is called ${name}: ${hint}`, ...place };
}
