import type { Atom, Comparison, Expression, TextSubject } from './expression.js';
import { minuteText, momentText } from './print.js';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
/** The working week, and then every day as a week of Monday to Sunday has them. */
const WEEK = [1, 2, 3, 4, 5, 6, 0];

const SUBJECTS: Readonly<Record<Exclude<TextSubject, object>, string>> = {
  principal: 'the caller',
  method: 'the way of signing in',
  action: 'the action',
  path: 'the path',
  client: 'the client program',
  reason: 'the reason given',
};

const VERBS = { startsWith: 'begins with', endsWith: 'ends with', contains: 'contains' } as const;
const NOT_VERBS = {
  startsWith: 'does not begin with',
  endsWith: 'does not end with',
  contains: 'does not contain',
} as const;

/** A condition as a person would say it, to be put after "when". */
export function describeCondition(expression: Expression): string {
  return describe(expression, true, 0);
}

/** Says what has to be for the expression to be `holds`. `depth` is of what is around it: lists within lists get brackets. */
function describe(expression: Expression, holds: boolean, depth: number): string {
  switch (expression.kind) {
    case 'all':
    case 'any':
      return list(expression, holds, depth);
    case 'not':
      return describe(expression.of, !holds, depth);
    case 'always':
      return expression.value === holds ? 'always' : 'never';
    default:
      return atom(expression, holds);
  }
}

/** Not all of them is the same as one of them not; so no sentence begins with a "not" that covers more than one part. */
function list(
  { kind, of }: Extract<Expression, { kind: 'all' | 'any' }>,
  holds: boolean,
  depth: number,
): string {
  const word = (kind === 'all') === holds ? ' and ' : ' or ';
  const text = of.map((part) => describe(part, holds, depth + 1)).join(word);
  return depth > 0 ? `(${text})` : text;
}

type Describe<Kind extends Atom['kind']> = (atom: Extract<Atom, { kind: Kind }>, holds: boolean) => string;

const not = (holds: boolean): string => (holds ? '' : 'not ');

const ATOMS: { readonly [Kind in Atom['kind']]: Describe<Kind> } = {
  'one-of': (one, holds) => `${subject(one.subject)} is ${not(holds)}${oneOf(one.values.map(quoted), holds)}`,
  text: (one, holds) =>
    `${subject(one.subject)} ${(holds ? VERBS : NOT_VERBS)[one.test]} ${quoted(one.value)}`,
  group: (one, holds) => `the caller is ${not(holds)}in the group ${one.name}`,
  'has-tag': (one, holds) => `the secret has ${holds ? 'a' : 'no'} tag ${one.tag}`,
  'second-factor': (_, holds) => `${holds ? 'a' : 'no'} second factor was given`,
  network: (one, holds) => `the request ${holds ? 'comes' : 'does not come'} from ${one.cidr}`,
  instant: (one, holds) => `it is ${not(holds)}${WHEN[one.comparison]} ${momentText(one.at)}`,
  weekday: (one, holds) => `it is ${not(holds)}${days(one.days, holds)} in ${one.zone}`,
  clock: (one, holds) =>
    `the clock in ${one.zone} shows ${CLOCK[holds ? one.comparison : OPPOSITE[one.comparison]]} ${minuteText(one.minute)}`,
};

function atom(expression: Atom, holds: boolean): string {
  const describeOne = ATOMS[expression.kind] as Describe<Atom['kind']>;
  return describeOne(expression, holds);
}

const WHEN: Readonly<Record<Comparison, string>> = {
  '<': 'before',
  '<=': 'before or at',
  '>': 'after',
  '>=': 'at or after',
  '==': 'exactly',
};
const CLOCK: Readonly<Record<Comparison | '!=', string>> = {
  '<': 'a time before',
  '<=': 'at most',
  '>': 'a time after',
  '>=': 'at least',
  '==': 'exactly',
  '!=': 'anything but',
};
const OPPOSITE: Readonly<Record<Comparison, Comparison | '!='>> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '==': '!=',
};

function subject(of: TextSubject): string {
  return typeof of === 'string' ? SUBJECTS[of] : `the secret's tag ${of.tag}`;
}

const quoted = (text: string): string => (text === '' ? 'empty' : `“${text}”`);

function oneOf(values: readonly string[], holds: boolean): string {
  if (values.length === 1) return values[0] ?? '';
  const last = values.at(-1) ?? '';
  return `${holds ? '' : 'any of '}${values.slice(0, -1).join(', ')} or ${last}`;
}

function days(which: readonly number[], holds: boolean): string {
  const sorted = WEEK.filter((day) => which.includes(day));
  if (sorted.join() === '1,2,3,4,5') return 'a day from Monday to Friday';
  if (sorted.join() === '6,0') return 'a weekend';
  return oneOf(
    sorted.map((day) => DAYS[day] ?? ''),
    holds,
  );
}
