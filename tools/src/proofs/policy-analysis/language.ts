import type { PolicyStatement } from '@keyfleet/contracts';

/**
 * Policies as the proofs write them down: a tree of their own, from which the engine gets nothing but the text. So its
 * parser, its evaluation and its analysis are all judged by what is said here.
 */
export interface Rule extends Omit<PolicyStatement, 'condition'> {
  readonly condition: Condition | undefined;
}

export type Subject = 'principal' | 'method' | 'action' | 'path' | 'client' | 'reason' | `tags.${string}`;
export type Order = '<' | '<=' | '>' | '>=' | '==';

export type Condition =
  | { readonly is: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly is: 'not'; readonly of: Condition }
  | Leaf;

export type Leaf =
  | { readonly is: 'equal' | 'in'; readonly subject: Subject; readonly values: readonly string[] }
  | {
      readonly is: 'startsWith' | 'endsWith' | 'contains';
      readonly subject: Subject;
      readonly value: string;
    }
  | { readonly is: 'group'; readonly name: string }
  | { readonly is: 'tagged'; readonly tag: string }
  | { readonly is: 'secondFactor' }
  | { readonly is: 'network'; readonly cidr: string }
  /** Milliseconds since 1970. */
  | { readonly is: 'moment'; readonly order: Order; readonly at: number }
  /** Minutes since midnight. */
  | { readonly is: 'clock'; readonly zone: string; readonly order: Order; readonly minute: number }
  | { readonly is: 'hour'; readonly zone: string; readonly order: Order; readonly hour: number }
  | { readonly is: 'weekday'; readonly zone: string; readonly days: readonly number[] };

/** As somebody would write it in a policy. */
export function written({ condition, ...rule }: Rule): PolicyStatement {
  return { ...rule, ...(condition ? { condition: cel(condition) } : {}) };
}

export function cel(condition: Condition): string {
  switch (condition.is) {
    case 'and':
      return condition.of.map((part) => `(${cel(part)})`).join(' && ');
    case 'or':
      return condition.of.map((part) => `(${cel(part)})`).join(' || ');
    case 'not':
      return condition.of.is === 'equal'
        ? cel(condition.of).replace(' == ', ' != ')
        : `!(${cel(condition.of)})`;
    case 'group':
      return `${JSON.stringify(condition.name)} in groups`;
    case 'tagged':
      return `has(tags.${condition.tag})`;
    case 'secondFactor':
      return 'secondFactor';
    case 'network':
      return `address.inNetwork(${JSON.stringify(condition.cidr)})`;
    case 'moment':
      return `time ${condition.order} timestamp("${new Date(condition.at).toISOString()}")`;
    default:
      return 'subject' in condition ? ofText(condition) : ofClock(condition);
  }
}

function ofText(leaf: Extract<Leaf, { subject: unknown }>): string {
  switch (leaf.is) {
    case 'equal':
      return `${leaf.subject} == ${JSON.stringify(leaf.values[0])}`;
    case 'in':
      return `${leaf.subject} in ${JSON.stringify(leaf.values)}`;
    default:
      return `${leaf.subject}.${leaf.is}(${JSON.stringify(leaf.value)})`;
  }
}

function ofClock(leaf: Extract<Leaf, { zone: string }>): string {
  const zone = JSON.stringify(leaf.zone);
  if (leaf.is === 'weekday') return `time.getDayOfWeek(${zone}) in [${leaf.days.join(', ')}]`;
  if (leaf.is === 'hour') return `time.getHours(${zone}) ${leaf.order} ${leaf.hour}`;
  const two = (part: number): string => String(part).padStart(2, '0');
  return `time.timeOfDay(${zone}) ${leaf.order} "${two(Math.floor(leaf.minute / 60))}:${two(leaf.minute % 60)}"`;
}

export function leavesOf(condition: Condition | undefined): readonly Leaf[] {
  if (condition === undefined) return [];
  switch (condition.is) {
    case 'and':
    case 'or':
      return condition.of.flatMap(leavesOf);
    case 'not':
      return leavesOf(condition.of);
    default:
      return [condition];
  }
}
