import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import type { Condition, Leaf, Order, Rule } from './language.js';
import { bitsOf } from './naive.js';
import { and, not, number, or, TRUE } from './smt.js';
import type { AnyRequest } from './smt-request.js';
import type { Text } from './smt-text.js';

/** What a condition comes to: `is` counts only where it is `there`. */
interface Worth {
  readonly there: string;
  readonly is: string;
}

/** When a rule has its say about a request. */
export function saysSomething(rule: Rule, request: AnyRequest): string {
  const who = rule.principals.map((pattern) =>
    pattern.startsWith('@')
      ? request.someGroup((name) => name.fits(pattern.slice(1)))
      : request.principal.fits(pattern),
  );
  const where = rule.resources.map((pattern) =>
    pattern === '@vault' ? 'vault' : and(['(not vault)', request.path.isUnder(pattern)]),
  );
  const actions = rule.actions.includes('*') ? SECRET_ACTIONS : rule.actions;
  return and([or(who), or(where), request.isAction(actions), when(rule, request)]);
}

function when({ condition, effect }: Rule, request: AnyRequest): string {
  if (!condition) return TRUE;
  const { there, is } = worth(condition, request);
  // In doubt what denies denies, and what allows does not allow.
  return effect === 'deny' ? or([not(there), is]) : and([there, is]);
}

function worth(condition: Condition, request: AnyRequest): Worth {
  switch (condition.is) {
    case 'not': {
      const { there, is } = worth(condition.of, request);
      return { there, is: not(is) };
    }
    case 'and':
    case 'or': {
      const parts = condition.of.map((part) => worth(part, request));
      const all = and(parts.map(({ there }) => there));
      // One part that is false is enough for `&&`, one that is true for `||`, whatever the others lack.
      return condition.is === 'and'
        ? {
            there: or([all, ...parts.map(({ there, is }) => and([there, not(is)]))]),
            is: and(parts.map(({ there, is }) => and([there, is]))),
          }
        : {
            there: or([all, ...parts.map(({ there, is }) => and([there, is]))]),
            is: or(parts.map(({ there, is }) => and([there, is]))),
          };
    }
    default:
      return leafWorth(condition, request);
  }
}

function leafWorth(leaf: Leaf, request: AnyRequest): Worth {
  const always = (is: string): Worth => ({ there: TRUE, is });
  switch (leaf.is) {
    case 'group':
      return always(request.someGroup((name) => name.equals(leaf.name)));
    case 'tagged':
      return always(request.isTagged(leaf.tag));
    case 'secondFactor':
      return always(request.secondFactor);
    case 'network':
      return { there: 'from', is: isIn(leaf.cidr) };
    case 'moment':
      return always(compared(request.moment, leaf.order, leaf.at));
    case 'clock':
      return always(compared(request.clock(leaf.zone).minute, leaf.order, leaf.minute));
    case 'hour':
      return always(compared(`(div ${request.clock(leaf.zone).minute} 60)`, leaf.order, leaf.hour));
    case 'weekday': {
      const { weekday } = request.clock(leaf.zone);
      return always(or(leaf.days.map((day) => `(= ${weekday} ${day})`)));
    }
    default: {
      const is = request.says(
        leaf.subject,
        (text) => textTest(leaf, text),
        (value) => valueTest(leaf, value),
      );
      const { subject } = leaf;
      return { there: subject.startsWith('tags.') ? request.isTagged(subject.slice(5)) : TRUE, is };
    }
  }
}

type TextLeaf = Extract<Leaf, { subject: unknown }>;

function textTest(leaf: TextLeaf, text: Text): string {
  return 'values' in leaf ? or(leaf.values.map((value) => text.equals(value))) : text[leaf.is](leaf.value);
}

function valueTest(leaf: TextLeaf, value: string): boolean {
  if ('values' in leaf) return leaf.values.includes(value);
  return leaf.is === 'contains' ? value.includes(leaf.value) : value[leaf.is](leaf.value);
}

function compared(left: string, order: Order, right: number): string {
  return `(${order === '==' ? '=' : order} ${left} ${number(right)})`;
}

/** An IPv4 address is the first 32 of the bits; the rest then means nothing. */
function isIn(cidr: string): string {
  const [first = '', prefix = '0'] = cidr.split('/');
  const family = first.includes(':') ? 'six' : '(not six)';
  if (prefix === '0') return family;
  const bits = bitsOf(first).slice(0, Number(prefix));
  return and([family, `(= ((_ extract 127 ${128 - Number(prefix)}) address) #b${bits})`]);
}
