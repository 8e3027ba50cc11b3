import type { AccessRequest } from '@keyfleet/policy-engine';
import type { Condition, Leaf, Order, Rule, Subject } from './language.js';
import { clockAt } from './zones.js';

/** What a question comes to; `nothing` where what it asks about is not there. */
export type Truth = 'yes' | 'no' | 'nothing';

const truth = (value: boolean): Truth => (value ? 'yes' : 'no');

/** Whether a policy's rule has its say about a request, told in the plainest way. */
export function hasSay(rule: Rule, request: AccessRequest): boolean {
  if (!isMeant(rule, request)) return false;
  const value = rule.condition ? worth(rule.condition, request) : 'yes';
  return rule.effect === 'deny' ? value !== 'no' : value === 'yes';
}

/** Whether it names the request's principal, action and path. */
export function isMeant(rule: Rule, { principal, groups, action, path }: AccessRequest): boolean {
  return (
    rule.principals.some((pattern) => isFor(pattern, principal, groups)) &&
    rule.actions.some((one) => one === '*' || one === action) &&
    rule.resources.some((pattern) => isOn(pattern, path))
  );
}

export function isFor(pattern: string, principal: string, groups: readonly string[]): boolean {
  return pattern.startsWith('@')
    ? groups.some((group) => fits(pattern.slice(1), group))
    : fits(pattern, principal);
}

export function isOn(pattern: string, path: string | null): boolean {
  if (pattern === '@vault' || path === null) return pattern === '@vault' && path === null;
  return segmentsFit(pattern.split('/'), path.split('/'));
}

function segmentsFit([first, ...others]: readonly string[], segments: readonly string[]): boolean {
  if (first === undefined) return segments.length === 0;
  if (first === '**')
    return (
      segmentsFit(others, segments) ||
      (segments.length > 0 && segmentsFit([first, ...others], segments.slice(1)))
    );
  const [segment, ...rest] = segments;
  return segment !== undefined && fits(first, segment) && segmentsFit(others, rest);
}

/** A star stands for any letters. */
function fits(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*'))
    return fits(pattern.slice(1), text) || (text !== '' && fits(pattern, text.slice(1)));
  return pattern[0] === text[0] && fits(pattern.slice(1), text.slice(1));
}

/** CEL's way with what is not there: `&&` is false if any part is, `||` true if any part is. */
export function worth(condition: Condition, request: AccessRequest): Truth {
  switch (condition.is) {
    case 'and':
      return decisive(
        'no',
        'yes',
        condition.of.map((part) => worth(part, request)),
      );
    case 'or':
      return decisive(
        'yes',
        'no',
        condition.of.map((part) => worth(part, request)),
      );
    case 'not': {
      const value = worth(condition.of, request);
      return value === 'nothing' ? value : truth(value === 'no');
    }
    default:
      return answer(condition, request);
  }
}

function decisive(one: Truth, other: Truth, values: readonly Truth[]): Truth {
  if (values.includes(one)) return one;
  return values.includes('nothing') ? 'nothing' : other;
}

export function answer(leaf: Leaf, request: AccessRequest): Truth {
  switch (leaf.is) {
    case 'equal':
    case 'in':
      return ofText(leaf.subject, request, (text) => leaf.values.some((value) => value === text));
    case 'startsWith':
      return ofText(leaf.subject, request, (text) => text.slice(0, leaf.value.length) === leaf.value);
    case 'endsWith':
      return ofText(
        leaf.subject,
        request,
        (text) => text.slice(Math.max(0, text.length - leaf.value.length)) === leaf.value,
      );
    case 'contains':
      return ofText(leaf.subject, request, (text) => text.split(leaf.value).length > 1 || leaf.value === '');
    case 'group':
      return truth(request.groups.some((group) => group === leaf.name));
    case 'tagged':
      return truth(Object.keys(request.tags).some((tag) => tag === leaf.tag));
    case 'secondFactor':
      return truth(request.secondFactor);
    case 'network':
      return request.address === null ? 'nothing' : truth(isIn(leaf.cidr, request.address));
    case 'moment':
      return truth(ordered(request.at, leaf.order, leaf.at));
    default:
      return truth(ofClock(leaf, request.at));
  }
}

function ofClock(leaf: Extract<Leaf, { zone: string }>, at: number): boolean {
  const { minute, weekday } = clockAt(leaf.zone, at);
  if (leaf.is === 'weekday') return leaf.days.some((day) => day === weekday);
  return leaf.is === 'hour'
    ? ordered(Math.floor(minute / 60), leaf.order, leaf.hour)
    : ordered(minute, leaf.order, leaf.minute);
}

function ofText(subject: Subject, request: AccessRequest, test: (text: string) => boolean): Truth {
  if (!subject.startsWith('tags.')) return truth(test(request[subject as 'path'] ?? ''));
  const [, value] = Object.entries(request.tags).find(([tag]) => `tags.${tag}` === subject) ?? [];
  return value === undefined ? 'nothing' : truth(test(value));
}

function ordered(left: number, order: Order, right: number): boolean {
  if (order === '==') return left === right;
  return order.startsWith('<')
    ? left < right || (order === '<=' && left === right)
    : !ordered(left, order === '>' ? '<=' : '<', right);
}

/** By its bits, written out. */
export function isIn(cidr: string, address: string): boolean {
  const [network = '', prefix] = cidr.split('/');
  const [own, other] = [bitsOf(network), bitsOf(address)];
  return own.length === other.length && own.slice(0, Number(prefix)) === other.slice(0, Number(prefix));
}

export function bitsOf(address: string): string {
  const bits = (numbers: readonly number[], size: number): string =>
    numbers.map((number) => number.toString(2).padStart(size, '0')).join('');
  if (!address.includes(':')) return bits(address.split('.').map(Number), 8);
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before = '', after] = address.split('::');
  const [head, tail] = [groups(before), groups(after ?? '')];
  return bits([...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail], 16);
}
