import type { Comparison, Expression } from './expression.js';

/** The comparison with its sides changed: `8 < x` is `x > 8`. */
export const MIRRORED: Readonly<Record<Comparison, Comparison>> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '==': '==',
};

const DAYS = [0, 1, 2, 3, 4, 5, 6];

export function compare(op: Comparison, left: number, right: number): boolean {
  switch (op) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '==':
      return left === right;
  }
}

/** A comparison with a weekday is the set of days for which it holds. */
export function dayIn(zone: string, op: Comparison, than: number): Expression {
  const days = DAYS.filter((day) => compare(op, day, than));
  return days.length === 0 ? { kind: 'always', value: false } : { kind: 'weekday', zone, days };
}

/** A comparison of whole hours in minutes. */
export function hourIs(zone: string, op: Comparison, hour: number): Expression {
  const from = hour * 60;
  const clock = (comparison: Comparison, minute: number): Expression => ({
    kind: 'clock',
    zone,
    comparison,
    minute,
  });
  switch (op) {
    case '<':
      return clock('<', from);
    case '<=':
      return clock('<', from + 60);
    case '>':
      return clock('>=', from + 60);
    case '>=':
      return clock('>=', from);
    case '==':
      return { kind: 'all', of: [clock('>=', from), clock('<', from + 60)] };
  }
}

/** `08:30` in minutes, `24:00` as the end of a day; undefined where it is no time of day. */
export function minuteOf(text: string): number | undefined {
  if (text === '24:00') return 1_440;
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
}

export function negatable(expression: Expression): Expression {
  return expression.kind === 'not' ? expression.of : { kind: 'not', of: expression };
}
