import type { Atom, Comparison, Expression, TextSubject, TextTest } from './expression.js';
import { minuteText, momentText, subjectText } from './print.js';
import { minuteOf } from './reduce-time.js';

/** One line of the visual editor, in the form react-querybuilder has for it. */
export interface BuilderRule {
  readonly field: string;
  readonly operator: string;
  readonly value: unknown;
}

export interface BuilderGroup {
  readonly combinator: 'and' | 'or';
  readonly not?: boolean;
  readonly rules: readonly (BuilderRule | BuilderGroup)[];
}

/** What the value of a rule about a clock or a weekday is made of. */
export interface ZonedValue {
  readonly zone: string;
  readonly value: string | readonly number[];
}

const TEXT_OPERATORS: Readonly<Record<TextTest, readonly [string, string]>> = {
  startsWith: ['beginsWith', 'doesNotBeginWith'],
  endsWith: ['endsWith', 'doesNotEndWith'],
  contains: ['contains', 'doesNotContain'],
};

/** A condition as the editor's tree. */
export function toBuilder(expression: Expression): BuilderGroup {
  const tree = node(expression);
  return 'rules' in tree ? tree : { combinator: 'and', rules: [tree] };
}

function node(expression: Expression): BuilderRule | BuilderGroup {
  switch (expression.kind) {
    case 'all':
      return { combinator: 'and', rules: expression.of.map(node) };
    case 'any':
      return { combinator: 'or', rules: expression.of.map(node) };
    case 'not':
      return negated(expression.of);
    case 'always':
      return { field: 'always', operator: '=', value: expression.value };
    default:
      return rule(expression, true) ?? never();
  }
}

function never(): never {
  throw new TypeError('Every question has its rule');
}

/** A rule with the opposite operator where there is one, else a group that says not. */
function negated(inner: Expression): BuilderRule | BuilderGroup {
  if (inner.kind === 'all' || inner.kind === 'any') return { ...toBuilder(inner), not: true };
  const opposite = inner.kind === 'not' || inner.kind === 'always' ? undefined : rule(inner, false);
  return opposite ?? { combinator: 'and', not: true, rules: [node(inner)] };
}

/** Undefined where there is no operator for the opposite. */
function rule(atom: Atom, holds: boolean): BuilderRule | undefined {
  const pick = (yes: string, no: string): string => (holds ? yes : no);
  switch (atom.kind) {
    case 'one-of':
      return oneOf(fieldOf(atom.subject), atom.values, holds);
    case 'text':
      return {
        field: fieldOf(atom.subject),
        operator: pick(...TEXT_OPERATORS[atom.test]),
        value: atom.value,
      };
    case 'group':
      return { field: 'groups', operator: pick('contains', 'doesNotContain'), value: atom.name };
    case 'has-tag':
      return { field: 'tags', operator: pick('contains', 'doesNotContain'), value: atom.tag };
    case 'second-factor':
      return { field: 'secondFactor', operator: '=', value: holds };
    case 'network':
      return { field: 'address', operator: pick('inNetwork', 'notInNetwork'), value: atom.cidr };
    case 'weekday':
      return { field: 'weekday', operator: pick('in', 'notIn'), value: zoned(atom.zone, atom.days) };
    case 'instant':
      return holds
        ? { field: 'time', operator: operatorOf(atom.comparison), value: momentText(atom.at) }
        : undefined;
    case 'clock':
      return holds
        ? {
            ...{ field: 'timeOfDay', operator: operatorOf(atom.comparison) },
            value: zoned(atom.zone, minuteText(atom.minute)),
          }
        : undefined;
  }
}

function oneOf(field: string, values: readonly string[], holds: boolean): BuilderRule {
  const [only, ...others] = values;
  return others.length === 0
    ? { field, operator: holds ? '=' : '!=', value: only }
    : { field, operator: holds ? 'in' : 'notIn', value: values };
}

const zoned = (zone: string, value: ZonedValue['value']): ZonedValue => ({ zone, value });
const operatorOf = (comparison: Comparison): string => (comparison === '==' ? '=' : comparison);
const comparisonOf = (operator: string): Comparison | undefined =>
  operator === '=' ? '==' : (['<', '<=', '>', '>='] as const).find((known) => known === operator);

function fieldOf(subject: TextSubject): string {
  return typeof subject === 'string' ? subject : `tags.${subject.tag}`;
}

function subjectOf(field: string): TextSubject | undefined {
  if (field.startsWith('tags.')) return { tag: field.slice('tags.'.length) };
  return (['principal', 'method', 'action', 'path', 'client', 'reason'] as const).find(
    (known) => known === field,
  );
}

/** The editor's tree as a condition. A TypeError for a rule that says nothing: the editor must not let one through. */
export function fromBuilder(tree: BuilderRule | BuilderGroup): Expression {
  if (!('rules' in tree)) return fromRule(tree);
  const kind = tree.combinator === 'or' ? 'any' : 'all';
  const parts = tree.rules.map(fromBuilder).flatMap((part) => (part.kind === kind ? part.of : [part]));
  const [only] = parts;
  // A group of nothing asks for nothing.
  const whole: Expression =
    only === undefined ? { kind: 'always', value: true } : parts.length === 1 ? only : { kind, of: parts };
  return tree.not ? { kind: 'not', of: whole } : whole;
}

function fromRule({ field, operator, value }: BuilderRule): Expression {
  const not = (holds: boolean, of: Expression): Expression => (holds ? of : { kind: 'not', of });
  const subject = subjectOf(field);
  if (subject !== undefined) return fromText(subject, operator, value);
  switch (field) {
    case 'groups':
      return not(operator === 'contains', { kind: 'group', name: text(value) });
    case 'tags':
      return not(operator === 'contains', { kind: 'has-tag', tag: text(value) });
    case 'secondFactor':
      return not(value === true, { kind: 'second-factor' });
    case 'address':
      return not(operator === 'inNetwork', { kind: 'network', cidr: text(value) });
    case 'always':
      return { kind: 'always', value: value === true };
    default:
      return fromTime(field, operator, value);
  }
}

function fromText(subject: TextSubject, operator: string, value: unknown): Expression {
  for (const [test, [yes, no]] of Object.entries(TEXT_OPERATORS) as [TextTest, readonly [string, string]][]) {
    const atom: Expression = { kind: 'text', subject, test, value: text(value) };
    if (operator === yes) return atom;
    if (operator === no) return { kind: 'not', of: atom };
  }
  const atom: Expression = {
    kind: 'one-of',
    subject,
    values: Array.isArray(value) ? value.map(text) : [text(value)],
  };
  if (operator === '=' || operator === 'in') return atom;
  if (operator === '!=' || operator === 'notIn') return { kind: 'not', of: atom };
  throw new TypeError(`${subjectText(subject)} knows no ${operator}`);
}

function fromTime(field: string, operator: string, value: unknown): Expression {
  if (field === 'weekday') {
    const { zone, value: days } = value as ZonedValue;
    const atom: Expression = { kind: 'weekday', zone, days: days as readonly number[] };
    return operator === 'in' ? atom : { kind: 'not', of: atom };
  }
  const comparison = comparisonOf(operator);
  if (comparison === undefined) throw new TypeError(`${field} knows no ${operator}`);
  if (field === 'time') return { kind: 'instant', comparison, at: Date.parse(text(value)) };
  const { zone, value: clock } = value as ZonedValue;
  const minute = field === 'timeOfDay' ? minuteOf(text(clock)) : undefined;
  if (minute === undefined) throw new TypeError(`${field} is no field, or this is no time of day`);
  return { kind: 'clock', zone, comparison, minute };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
