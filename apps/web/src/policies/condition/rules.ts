import {
  type BuilderGroup,
  type BuilderRule,
  checkCondition,
  describeCondition,
  fromBuilder,
  parseCondition,
  printCondition,
  toBuilder,
} from '@keyfleet/policy-engine';

/** What a condition may ask about, in the words of the editor. */
export const FIELDS = [
  { name: 'secondFactor', label: 'Second factor' },
  { name: 'groups', label: "Caller's groups" },
  { name: 'principal', label: 'Caller' },
  { name: 'method', label: 'Way of signing in' },
  { name: 'client', label: 'Client program' },
  { name: 'reason', label: 'Reason given' },
  { name: 'address', label: 'Network address' },
  { name: 'weekday', label: 'Weekday' },
  { name: 'timeOfDay', label: 'Time of day' },
  { name: 'time', label: 'Moment' },
  { name: 'action', label: 'Action' },
  { name: 'path', label: 'Path of the secret' },
  { name: 'tags', label: "Secret's tags" },
  { name: 'tags.', label: "Value of a secret's tag" },
  { name: 'always', label: 'Always or never' },
] as const;

interface Operator {
  readonly name: string;
  readonly label: string;
}
const operators = (of: Readonly<Record<string, string>>): readonly Operator[] =>
  Object.entries(of).map(([name, label]) => ({ name, label }));

const TEXT = operators({
  '=': 'is',
  '!=': 'is not',
  in: 'is one of',
  notIn: 'is none of',
  beginsWith: 'begins with',
  doesNotBeginWith: 'does not begin with',
  endsWith: 'ends with',
  doesNotEndWith: 'does not end with',
  contains: 'contains',
  doesNotContain: 'does not contain',
});
const MOMENT = operators({
  '>=': 'at or after',
  '<': 'before',
  '>': 'after',
  '<=': 'at or before',
  '=': 'exactly',
});
const OPERATORS: Readonly<Record<string, readonly Operator[]>> = {
  secondFactor: operators({ '=': 'is' }),
  always: operators({ '=': 'is' }),
  groups: operators({ contains: 'include', doesNotContain: 'do not include' }),
  tags: operators({ contains: 'include', doesNotContain: 'do not include' }),
  address: operators({ inNetwork: 'is in', notInNetwork: 'is not in' }),
  weekday: operators({ in: 'is one of', notIn: 'is none of' }),
  timeOfDay: MOMENT,
  time: MOMENT,
};

export function operatorsOf(field: string): readonly Operator[] {
  return OPERATORS[field] ?? TEXT;
}

/** What a value of a field is entered with. */
export type ValueKind = 'text' | 'texts' | 'yes-no' | 'weekdays' | 'clock' | 'moment' | 'network';

export function valueKind(field: string, operator: string): ValueKind {
  const fixed = (
    {
      secondFactor: 'yes-no',
      always: 'yes-no',
      weekday: 'weekdays',
      timeOfDay: 'clock',
      time: 'moment',
      address: 'network',
      groups: 'text',
      tags: 'text',
    } as const
  )[field];
  return fixed ?? (operator === 'in' || operator === 'notIn' ? 'texts' : 'text');
}

export interface Zoned<Value> {
  readonly zone: string;
  readonly value: Value;
}

/** What a rule of a kind begins with. `zone` and `now` are the reader's own. */
export function beginningOf(kind: ValueKind, zone: string, now: number): unknown {
  switch (kind) {
    case 'yes-no':
      return true;
    case 'weekdays':
      return { zone, value: [1, 2, 3, 4, 5] };
    case 'clock':
      return { zone, value: '08:00' };
    case 'moment':
      return new Date(now - (now % 60_000)).toISOString();
    case 'texts':
      return [];
    default:
      return '';
  }
}

const isZoned = (value: unknown): value is Zoned<unknown> =>
  typeof value === 'object' && value !== null && 'zone' in value && 'value' in value;

function fits(kind: ValueKind, value: unknown): boolean {
  switch (kind) {
    case 'yes-no':
      return typeof value === 'boolean';
    case 'weekdays':
      return isZoned(value) && Array.isArray(value.value);
    case 'clock':
      return isZoned(value) && typeof value.value === 'string';
    case 'texts':
      return Array.isArray(value);
    case 'moment':
      return typeof value === 'string' && value !== '';
    default:
      return typeof value === 'string';
  }
}

/** After another field or operator was chosen: what was entered is kept where it still means something. */
export function tidied<Tree extends BuilderGroup>(tree: Tree, zone: string, now: number): Tree {
  const rules = tree.rules.map((one) => ('rules' in one ? tidied(one, zone, now) : tidyRule(one, zone, now)));
  return { ...tree, rules };
}

function tidyRule<Rule extends BuilderRule>(rule: Rule, zone: string, now: number): Rule {
  const known = operatorsOf(rule.field);
  const operator = known.some(({ name }) => name === rule.operator) ? rule.operator : (known[0]?.name ?? '=');
  const kind = valueKind(rule.field, operator);
  if (fits(kind, rule.value)) return { ...rule, operator };
  return { ...rule, operator, value: moved(kind, rule.value) ?? beginningOf(kind, zone, now) };
}

/** Between one text and several. */
function moved(kind: ValueKind, value: unknown): unknown {
  if (kind === 'texts' && typeof value === 'string') return value === '' ? [] : [value];
  if (kind === 'text' && Array.isArray(value) && typeof value[0] === 'string') return value[0];
  return undefined;
}

export type Shown =
  | { readonly tree: BuilderGroup; readonly problem: null }
  /** Only text can show it: it has to be mended there. */
  | { readonly tree: null; readonly problem: string };

const NOTHING_ASKED: BuilderGroup = { combinator: 'and', rules: [] };

/** A condition as the editor's tree. */
export function treeOf(condition: string | undefined): Shown {
  if (condition === undefined || condition.trim() === '') return { tree: NOTHING_ASKED, problem: null };
  const problem = checkCondition(condition);
  if (problem)
    return { tree: null, problem: `${problem.message} (line ${problem.line}, column ${problem.column})` };
  return { tree: toBuilder(parseCondition(condition)), problem: null };
}

export type Written =
  | { readonly condition: string | undefined; readonly problem: string | null }
  /** It says nothing yet that could be written down. */
  | { readonly condition: null; readonly problem: string };

/** The editor's tree as a condition, and what is wrong with it where a value is missing or is none. */
export function conditionOf(tree: BuilderGroup): Written {
  if (tree.rules.length === 0) return { condition: undefined, problem: null };
  try {
    const condition = printCondition(fromBuilder(tree));
    return { condition, problem: checkCondition(condition)?.message ?? null };
  } catch (error) {
    return { condition: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether two conditions are the same to the engine, however they are written. */
export function sameCondition(one: string | undefined, other: string | undefined): boolean {
  return one === other || canonical(one) === canonical(other);
}

function canonical(condition: string | undefined): string {
  if (condition === undefined) return '';
  return checkCondition(condition) ? condition : printCondition(parseCondition(condition));
}

/** When a statement holds, as a person would say it; null while the condition is not right. */
export function inWords(condition: string | undefined): string | null {
  if (condition === undefined || condition.trim() === '') return 'always';
  return checkCondition(condition) ? null : `when ${describeCondition(parseCondition(condition))}`;
}
