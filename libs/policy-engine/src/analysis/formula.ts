import type { Atom, Expression } from '../condition/expression.js';
import type { CompiledStatement } from '../decision/statement.js';
import { isGroup } from '../decision/statement.js';

/** What analysis can ask of a request; each concerns one part of it, so parts can be found one by one. */
export type Question =
  | Atom
  | { readonly kind: 'principal-fits'; readonly pattern: string }
  /** Whether any of the groups fits. */
  | { readonly kind: 'group-fits'; readonly pattern: string }
  | { readonly kind: 'path-fits'; readonly pattern: string }
  /** A bit for each action. */
  | { readonly kind: 'action-in'; readonly actions: number }
  | { readonly kind: 'has-address' };

/** Two-valued, with `not` only at the questions. */
export type Formula =
  | { readonly all: readonly Formula[] }
  | { readonly any: readonly Formula[] }
  | { readonly question: Question; readonly holds: boolean };

export const TRUE: Formula = { all: [] };
export const FALSE: Formula = { any: [] };

const ask = (question: Question, holds = true): Formula => ({ question, holds });

export function negate(formula: Formula): Formula {
  if ('all' in formula) return { any: formula.all.map(negate) };
  if ('any' in formula) return { all: formula.any.map(negate) };
  return { question: formula.question, holds: !formula.holds };
}

/**
 * A condition knows three values; two formulas say which: that it is true, and that it is false. Where neither holds,
 * something it asks for is not known.
 */
export function isTrue(expression: Expression): Formula {
  return of(expression, true);
}

export function isFalse(expression: Expression): Formula {
  return of(expression, false);
}

function of(expression: Expression, value: boolean): Formula {
  switch (expression.kind) {
    case 'all':
    case 'any': {
      const parts = expression.of.map((part) => of(part, value));
      return (expression.kind === 'all') === value ? { all: parts } : { any: parts };
    }
    case 'not':
      return of(expression.of, !value);
    case 'always':
      return expression.value === value ? TRUE : FALSE;
    default:
      return known(expression, ask(expression, value));
  }
}

/** Only of what is there anything is true or false. */
function known(atom: Atom, formula: Formula): Formula {
  if (atom.kind === 'network') return { all: [ask({ kind: 'has-address' }), formula] };
  if ((atom.kind === 'one-of' || atom.kind === 'text') && typeof atom.subject === 'object')
    return { all: [ask({ kind: 'has-tag', tag: atom.subject.tag }), formula] };
  return formula;
}

/** Whether a statement has its say about a request: one that allows needs a true condition, one that denies none false. */
export function applies(statement: CompiledStatement): Formula {
  const { source, denies, actions, expression } = statement;
  const principals = source.principals.map((pattern) =>
    isGroup(pattern)
      ? ask({ kind: 'group-fits', pattern: pattern.slice(1) })
      : ask({ kind: 'principal-fits', pattern }),
  );
  const resources = source.resources.map((pattern) => ask({ kind: 'path-fits', pattern }));
  const parts: Formula[] = [ask({ kind: 'action-in', actions }), { any: principals }, { any: resources }];
  if (expression) parts.push(denies ? negate(isFalse(expression)) : isTrue(expression));
  return { all: parts };
}
