import type { Question } from './formula.js';

/** A question with the answer it has to have. */
export interface Literal {
  readonly question: Question;
  readonly holds: boolean;
}

/** The part of a request a question is about. Parts are independent of each other, tags each for itself. */
export type Part =
  | 'principal'
  | 'groups'
  | 'action'
  | 'path'
  | 'method'
  | 'client'
  | 'reason'
  | 'address'
  | 'time'
  | 'secondFactor'
  | `tag:${string}`;

const PARTS = {
  group: 'groups',
  'group-fits': 'groups',
  'principal-fits': 'principal',
  'path-fits': 'path',
  'action-in': 'action',
  'second-factor': 'secondFactor',
  network: 'address',
  'has-address': 'address',
  instant: 'time',
  weekday: 'time',
  clock: 'time',
} as const satisfies Partial<Record<Question['kind'], Part>>;

export function partOf(question: Question): Part {
  if (question.kind === 'has-tag') return `tag:${question.tag}`;
  if (question.kind !== 'one-of' && question.kind !== 'text') return PARTS[question.kind];
  const { subject } = question;
  return typeof subject === 'string' ? subject : `tag:${subject.tag}`;
}
