import type { TextTest } from '../condition/expression.js';
import {
  findText,
  type Grammar,
  literal,
  type Piece,
  patterns,
  starred,
  type TextQuestion,
} from './automaton.js';
import type { Literal } from './literals.js';

const SLASH: Piece = { letter: '/' };

/**
 * A text for which all of these have their answers, undefined where there is none. `closed` stands for a grammar whose
 * texts end with a slash that is not part of the text asked about.
 */
export function findFor<G>(
  grammar: Grammar<G>,
  literals: readonly Literal[],
  closed = false,
): string | undefined {
  const end = closed ? [SLASH] : [];
  const questions = literals.map(({ question, holds }): TextQuestion => {
    switch (question.kind) {
      case 'one-of':
        return { machine: patterns(question.values.map((value) => [...literal(value), ...end])), holds };
      case 'text':
        return { machine: patterns([[...piecesOf(question.test, question.value), ...end]]), holds };
      case 'path-fits':
        return { machine: patterns([pathPieces(question.pattern)]), holds };
      case 'principal-fits':
      case 'group-fits':
        return { machine: patterns([starred(question.pattern)]), holds };
      case 'group':
        return { machine: patterns([literal(question.name)]), holds };
      default:
        throw new TypeError(`${question.kind} asks for no text`);
    }
  });
  const found = findText(grammar, questions);
  return closed ? found?.slice(0, -1) : found;
}

function piecesOf(test: TextTest, value: string): Piece[] {
  switch (test) {
    case 'startsWith':
      return [...literal(value), 'text'];
    case 'endsWith':
      return ['text', ...literal(value)];
    case 'contains':
      return ['text', ...literal(value), 'text'];
  }
}

function pathPieces(pattern: string): Piece[] {
  return pattern.split('/').flatMap((segment): Piece[] => {
    if (segment === '**') return ['deep', 'within'];
    return [...[...segment].map((letter): Piece => (letter === '*' ? 'segment' : { letter })), SLASH];
  });
}
