import type { ASTNode } from '@marcbachmann/cel-js';
import type { Comparison, Expression } from './expression.js';
import { readNetwork } from './network.js';
import { ConditionError, type ConditionProblem, placeIn } from './problem.js';
import { textSubject } from './reduce-subject.js';
import { dayIn, hourIs, MIRRORED, minuteOf, negatable } from './reduce-time.js';
import { isZone } from './zone.js';

const TEXT_TESTS = ['startsWith', 'endsWith', 'contains'] as const;

/** Refuses a place of a condition. */
export function refuse(node: ASTNode, code: ConditionProblem['code'], message: string): never {
  throw new ConditionError({ code, message, ...placeIn(node.input, node.start) });
}

/** CEL's tree of a well-typed condition as an expression; a ConditionError where it holds what conditions may not. */
export function reduce(node: ASTNode): Expression {
  switch (node.op) {
    case '&&':
      return { kind: 'all', of: operands(node, '&&').map(reduce) };
    case '||':
      return { kind: 'any', of: operands(node, '||').map(reduce) };
    case '!_':
      return { kind: 'not', of: reduce(node.args) };
    case 'value':
      return { kind: 'always', value: node.args === true };
    case 'id':
      return { kind: 'second-factor' };
    case 'in':
      return membership(node, ...node.args);
    case '!=':
      return negatable(comparison(node, '==', ...node.args));
    case 'rcall':
      return method(node, ...node.args);
    case 'call':
      return presence(node);
    default:
      if (isComparison(node)) return comparison(node, node.op, ...node.args);
      return refuse(
        node,
        'unsupported',
        `A condition has no ${node.op}; combine comparisons with &&, || and !`,
      );
  }
}

/** `a && b && c` is one list of three, however CEL nests it. */
function operands(node: ASTNode, op: '&&' | '||'): ASTNode[] {
  return node.op === op ? node.args.flatMap((part) => operands(part, op)) : [node];
}

function membership(node: ASTNode, item: ASTNode, list: ASTNode): Expression {
  if (list.op === 'id' && list.args === 'groups') return { kind: 'group', name: literalText(item) };
  if (list.op === 'id' && list.args === 'tags') return { kind: 'has-tag', tag: literalText(item) };
  if (list.op !== 'list')
    return refuse(list, 'unsupported', 'After in stands groups, tags or a list of values');
  if (list.args.length === 0) return refuse(list, 'value', 'Nothing is in an empty list');
  const clock = clockCall(item);
  if (clock?.part === 'getDayOfWeek')
    return {
      kind: 'weekday',
      zone: clock.zone,
      days: [...new Set(list.args.map(day))].sort((a, b) => a - b),
    };
  if (clock) return { kind: 'any', of: list.args.map((value) => comparison(node, '==', item, value)) };
  const subject =
    textSubject(item) ?? refuse(item, 'unsupported', 'Before in stands a name, a tag or a part of time');
  return { kind: 'one-of', subject, values: [...new Set(list.args.map(literalText))] };
}

function isComparison(node: ASTNode): node is Extract<ASTNode, { op: Comparison }> {
  return node.op in MIRRORED;
}

function comparison(node: ASTNode, op: Comparison, left: ASTNode, right: ASTNode): Expression {
  if (isLiteral(left) && !isLiteral(right)) return comparison(node, MIRRORED[op], right, left);
  if (left.op === 'id' && left.args === 'secondFactor' && op === '==') {
    const factor: Expression = { kind: 'second-factor' };
    return right.op === 'value' && right.args === false ? { kind: 'not', of: factor } : factor;
  }
  const time = timeComparison(op, left, right);
  if (time) return time;
  const subject = textSubject(left);
  if (!subject) return refuse(left, 'unsupported', 'This cannot be compared in a condition');
  if (op !== '==') return refuse(node, 'unsupported', 'Names have no order; compare them with ==, != or in');
  return { kind: 'one-of', subject, values: [literalText(right)] };
}

/** Undefined where neither side has to do with time. */
function timeComparison(op: Comparison, left: ASTNode, right: ASTNode): Expression | undefined {
  if (left.op === 'id' && left.args === 'time') return { kind: 'instant', comparison: op, at: moment(right) };
  const clock = clockCall(left);
  if (!clock) return undefined;
  const { part, zone } = clock;
  if (part === 'getDayOfWeek') return dayIn(zone, op, day(right));
  if (part === 'getHours') return hourIs(zone, op, integer(right, 0, 23, 'An hour'));
  const minute = minuteOf(literalText(right));
  if (minute === undefined) return refuse(right, 'value', 'A time of day is written as 08:30');
  return { kind: 'clock', zone, comparison: op, minute };
}

function method(node: ASTNode, name: string, receiver: ASTNode, args: readonly ASTNode[]): Expression {
  const [argument] = args;
  if (name === 'inNetwork' && argument) {
    const cidr = literalText(argument);
    if (!readNetwork(cidr))
      return refuse(
        argument,
        'value',
        'A network is written as 10.0.0.0/8 or 2001:db8::/32, without bits beyond it',
      );
    return { kind: 'network', cidr };
  }
  const test = TEXT_TESTS.find((known) => known === name);
  const subject = textSubject(receiver);
  if (!test || !subject || !argument)
    return refuse(
      node,
      'unsupported',
      `A condition has no ${name}(…); known are ${TEXT_TESTS.join(', ')} and inNetwork`,
    );
  return { kind: 'text', subject, test, value: literalText(argument) };
}

function presence(node: ASTNode): Expression {
  const [name, args] = node.op === 'call' ? node.args : ['', []];
  const subject = name === 'has' && args[0] ? textSubject(args[0]) : undefined;
  if (typeof subject !== 'object')
    return refuse(node, 'unsupported', `A condition has no ${name}(…) of this`);
  return { kind: 'has-tag', tag: subject.tag };
}

/** `time.getHours("Europe/Zurich")` and its like; UTC where no zone is named. */
function clockCall(
  node: ASTNode,
): { readonly part: 'getDayOfWeek' | 'getHours' | 'timeOfDay'; readonly zone: string } | undefined {
  if (node.op !== 'rcall') return undefined;
  const [part, receiver, [zone]] = node.args;
  if (part !== 'getDayOfWeek' && part !== 'getHours' && part !== 'timeOfDay') return undefined;
  if (receiver.op !== 'id') return refuse(receiver, 'unsupported', 'Only time has a time of day');
  if (!zone) return { part, zone: 'UTC' };
  const name = literalText(zone);
  if (!isZone(name)) return refuse(zone, 'value', `${name} is no time zone; one is written as Europe/Zurich`);
  return { part, zone: name };
}

function isLiteral(node: ASTNode): boolean {
  return node.op === 'value' || node.op === '-_' || (node.op === 'call' && node.args[0] === 'timestamp');
}

function literalText(node: ASTNode): string {
  if (node.op === 'value' && typeof node.args === 'string') return node.args;
  return refuse(node, 'unsupported', 'Here stands a text in quotes, so that it can be shown and analysed');
}

const day = (node: ASTNode): number => integer(node, 0, 6, 'A weekday, where 0 is Sunday,');

function integer(node: ASTNode, least: number, most: number, what: string): number {
  if (node.op !== 'value' || typeof node.args !== 'bigint')
    return refuse(node, 'unsupported', 'Here stands a whole number');
  if (node.args < least || node.args > most)
    return refuse(node, 'value', `${what} is a number from ${least} to ${most}`);
  return Number(node.args);
}

function moment(node: ASTNode): number {
  const argument = node.op === 'call' && node.args[0] === 'timestamp' ? node.args[1][0] : undefined;
  if (!argument)
    return refuse(node, 'unsupported', 'A moment is written as timestamp("2026-01-31T00:00:00Z")');
  const text = literalText(argument);
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;
  const at = form.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? refuse(argument, 'value', 'A moment is written as 2026-01-31T00:00:00Z') : at;
}
