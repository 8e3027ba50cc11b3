import type { Atom, Expression, TextSubject } from './expression.js';

/** How tightly an operator binds; a weaker one inside needs parentheses. */
const STRENGTH = { any: 1, all: 2, not: 3, atom: 4 } as const;

/** The expression in CEL: the same text for the same expression, and read again it is the same expression. */
export function printCondition(expression: Expression): string {
  return print(expression, 0);
}

function print(expression: Expression, around: number): string {
  switch (expression.kind) {
    case 'all':
      return joined(expression.of, { by: ' && ', own: STRENGTH.all, around, empty: 'true' });
    case 'any':
      return joined(expression.of, { by: ' || ', own: STRENGTH.any, around, empty: 'false' });
    case 'not':
      return negated(expression.of);
    case 'always':
      return String(expression.value);
    default:
      return atom(expression);
  }
}

function joined(
  parts: readonly Expression[],
  { by, own, around, empty }: { by: string; own: number; around: number; empty: string },
): string {
  if (parts.length === 0) return empty;
  const text = parts.map((part) => print(part, parts.length > 1 ? own : around)).join(by);
  return parts.length > 1 && around >= own ? `(${text})` : text;
}

function negated(inner: Expression): string {
  if (inner.kind === 'one-of' && inner.values.length === 1)
    return `${subjectText(inner.subject)} != ${quote(inner.values[0] ?? '')}`;
  const text = print(inner, STRENGTH.not);
  const needs = !text.startsWith('(') && / (?:in|[<>]=?|==|!=) /.test(text);
  return needs ? `!(${text})` : `!${text}`;
}

function atom(expression: Atom): string {
  switch (expression.kind) {
    case 'one-of':
      return oneOf(expression);
    case 'text':
      return `${subjectText(expression.subject)}.${expression.test}(${quote(expression.value)})`;
    case 'group':
      return `${quote(expression.name)} in groups`;
    case 'has-tag':
      return `${quote(expression.tag)} in tags`;
    case 'second-factor':
      return 'secondFactor';
    case 'network':
      return `address.inNetwork(${quote(expression.cidr)})`;
    case 'instant':
      return `time ${expression.comparison} timestamp(${quote(momentText(expression.at))})`;
    case 'weekday':
      return `time.getDayOfWeek(${quote(expression.zone)}) in [${expression.days.join(', ')}]`;
    case 'clock':
      return `time.timeOfDay(${quote(expression.zone)}) ${expression.comparison} ${quote(minuteText(expression.minute))}`;
  }
}

function oneOf({ subject, values }: Extract<Atom, { kind: 'one-of' }>): string {
  const name = subjectText(subject);
  const [only, ...others] = values.map(quote);
  return others.length === 0 ? `${name} == ${only}` : `${name} in [${values.map(quote).join(', ')}]`;
}

export function subjectText(subject: TextSubject): string {
  return typeof subject === 'string' ? subject : `tags[${quote(subject.tag)}]`;
}

/** CEL takes JSON's escapes. */
function quote(text: string): string {
  return JSON.stringify(text);
}

/** 24:00 is where a comparison ends that holds all day. */
export function minuteText(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

export function momentText(at: number): string {
  return new Date(at).toISOString();
}
