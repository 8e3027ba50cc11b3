import { Circumstances, compile } from '../condition/compile.js';
import type { Atom, Expression } from '../condition/expression.js';
import { contains, type Network, type readAddress, readNetwork } from '../condition/network.js';
import { compare } from '../condition/reduce-time.js';
import type { RecordedRequest } from './recorded.js';

/** Which of the three values a condition may have had: what a record does not tell may have been anything. */
export type Possible = number;
export const TRUE = 1;
export const FALSE = 2;
/** Neither, because something it asks for was not there. */
export const MISSING = 4;

/** What a condition may have been when a recorded request was made. */
export type PossibleCondition = (recorded: RecordedRequest) => Possible;

/** Each part by itself: where two parts ask for the same unknown thing, more is held possible than was. */
export function compilePossible(expression: Expression): PossibleCondition {
  switch (expression.kind) {
    case 'all':
      return combined(expression.of.map(compilePossible), AND);
    case 'any':
      return combined(expression.of.map(compilePossible), OR);
    case 'not': {
      const inner = compilePossible(expression.of);
      return (recorded) => negated(inner(recorded));
    }
    case 'always':
      return () => (expression.value ? TRUE : FALSE);
    default:
      return compileAtom(expression);
  }
}

const VALUES = [TRUE, FALSE, MISSING] as const;

/** What two values make, for every pair of sets of values. */
function table(make: (a: Possible, b: Possible) => Possible): Possible[] {
  return Array.from({ length: 64 }, (_, pair) => {
    let result = 0;
    for (const a of VALUES) for (const b of VALUES) if (pair & (a << 3) && pair & b) result |= make(a, b);
    return result;
  });
}

const AND = table((a, b) => (a === FALSE || b === FALSE ? FALSE : a === TRUE && b === TRUE ? TRUE : MISSING));
const OR = table((a, b) => (a === TRUE || b === TRUE ? TRUE : a === FALSE && b === FALSE ? FALSE : MISSING));

function combined(parts: readonly PossibleCondition[], by: readonly Possible[]): PossibleCondition {
  return (recorded) => {
    let result = by === AND ? TRUE : FALSE;
    for (const part of parts) result = by[(result << 3) | part(recorded)] ?? 0;
    return result;
  };
}

function negated(value: Possible): Possible {
  return (value & MISSING) | (value & TRUE ? FALSE : 0) | (value & FALSE ? TRUE : 0);
}

function compileAtom(atom: Atom): PossibleCondition {
  if (atom.kind === 'network') return compileNetwork(atom.cidr);
  if (atom.kind === 'instant') return compileInstant(atom);
  if (atom.kind === 'weekday' || atom.kind === 'clock') return compileWallClock(atom);
  if (atom.kind === 'group') return compileGroup(atom.name);
  const needed = neededBy(atom);
  const exact = compile(atom);
  return (recorded) => {
    if (needed !== undefined && recorded.unknown.has(needed.part)) return needed.possible;
    const value = exact(new Circumstances(recorded.request));
    return value === undefined ? MISSING : value ? TRUE : FALSE;
  };
}

type Part = RecordedRequest['unknown'] extends ReadonlySet<infer P> ? P : never;

function neededBy(atom: Atom): { readonly part: Part; readonly possible: Possible } | undefined {
  const either = TRUE | FALSE;
  switch (atom.kind) {
    case 'has-tag':
      return { part: 'tags', possible: either };
    case 'one-of':
    case 'text': {
      if (typeof atom.subject === 'object') return { part: 'tags', possible: either | MISSING };
      const { subject } = atom;
      return subject === 'method' || subject === 'action' ? undefined : { part: subject, possible: either };
    }
    default:
      return undefined;
  }
}

/** A group whose name is known is one of them, whatever the others are. */
function compileGroup(name: string): PossibleCondition {
  return ({ request: { groups }, unknown }) => {
    if (groups.includes(name)) return TRUE;
    return unknown.has('groups') ? TRUE | FALSE : FALSE;
  };
}

const MINUTE_MS = 60_000;

/** Clocks are asked for the minute, so each one it was counted over is looked at. */
function compileWallClock(atom: Extract<Atom, { kind: 'weekday' | 'clock' }>): PossibleCondition {
  const exact = compile(atom);
  return ({ request, minutes }) => {
    let result = 0;
    for (let minute = 0; minute < minutes; minute += 1) {
      const moment = minute === 0 ? request : { ...request, at: request.at + minute * MINUTE_MS };
      result |= exact(new Circumstances(moment)) ? TRUE : FALSE;
    }
    return result;
  };
}

/** Of a moment only its minutes were recorded; where one is compared with within them, it may have been on either side. */
function compileInstant({ comparison, at }: Extract<Atom, { kind: 'instant' }>): PossibleCondition {
  return ({ request, minutes }) => {
    const first = Math.floor(request.at / MINUTE_MS) * MINUTE_MS;
    const last = first + minutes * MINUTE_MS - 1;
    const moments = first <= at && at <= last ? [first, at, last] : [first];
    return moments.reduce((so, moment) => so | (compare(comparison, moment, at) ? TRUE : FALSE), 0);
  };
}

/** Of an address only its network was recorded: often that says enough. */
function compileNetwork(cidr: string): PossibleCondition {
  const asked = readNetwork(cidr);
  if (!asked) throw new TypeError(`${cidr} is no network`);
  return ({ network, unknown }) => {
    if (unknown.has('address')) return TRUE | FALSE | MISSING;
    if (network === null) return MISSING;
    if (network.bits !== asked.bits) return FALSE;
    if (asked.prefix <= network.prefix) return contains(asked, asFirst(network)) ? TRUE : FALSE;
    return contains(network, asFirst(asked)) ? TRUE | FALSE : FALSE;
  };
}

const asFirst = ({ bits, first }: Network): NonNullable<ReturnType<typeof readAddress>> => ({
  bits,
  value: first,
});
