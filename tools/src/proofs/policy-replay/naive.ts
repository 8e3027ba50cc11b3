import { KEYED_HASH } from '@keyfleet/contracts';
import type { Answer } from '@keyfleet/policy-engine';
import type { Condition, Leaf, Rule } from '../policy-analysis/language.js';
import { answer, bitsOf, isFor, isOn, type Truth } from '../policy-analysis/naive.js';
import type { Row } from './traffic.js';

/** What may be: of a name or a place that is not known, either. */
type Maybe = 'yes' | 'no' | 'maybe';

const OF_VAULT = ['list', 'audit', 'status', 'keys', 'backup'];
const MINUTE_MS = 60_000;

/** A row, and what of it is not known: written as a hash, or left out by an agent that had too much to count. */
interface Seen {
  readonly row: Row;
  readonly gaps: ReturnType<typeof gapsOf>;
}

export function gapsOf({ secret, action, principal, groups, client }: Row) {
  const isHash = (name: string | null): boolean => name !== null && KEYED_HASH.test(name);
  const folded = secret === null && !OF_VAULT.includes(action);
  return {
    ...{ path: folded || isHash(secret), principal: isHash(principal), groups: groups.some(isHash) },
    ...{ client: folded || isHash(client), address: folded },
  };
}

/**
 * What rules say of a row: each is asked, in the plainest way, what it may say. Two questions about the same unknown
 * thing count as two, as the engine counts them.
 */
export function decide(rules: readonly Rule[], row: Row): Answer {
  const seen: Seen = { row, gaps: gapsOf(row) };
  const said = (effect: Rule['effect']): Maybe =>
    any(rules.filter((rule) => rule.effect === effect).map((rule) => speaks(rule, seen)));
  const [allows, denies] = [said('allow'), said('deny')];
  if (denies === 'yes' || allows === 'no') return 'denied';
  return allows === 'yes' && denies === 'no' ? 'allowed' : 'not-decidable';
}

function speaks(rule: Rule, seen: Seen): Maybe {
  if (!rule.actions.some((one) => one === '*' || one === seen.row.action)) return 'no';
  const named = all([
    any(rule.principals.map((pattern) => names(pattern, seen))),
    any(rule.resources.map((pattern) => covers(pattern, seen))),
  ]);
  if (named === 'no' || !rule.condition) return named;
  const wanted: readonly Truth[] = rule.effect === 'deny' ? ['yes', 'nothing'] : ['yes'];
  const values = may(rule.condition, seen);
  const fitting = values.filter((value) => wanted.includes(value)).length;
  return all([named, fitting === 0 ? 'no' : fitting === values.length ? 'yes' : 'maybe']);
}

function any(parts: readonly Maybe[]): Maybe {
  return parts.includes('yes') ? 'yes' : parts.includes('maybe') ? 'maybe' : 'no';
}

function all(parts: readonly Maybe[]): Maybe {
  return parts.includes('no') ? 'no' : parts.includes('maybe') ? 'maybe' : 'yes';
}

function names(pattern: string, { row, gaps }: Seen): Maybe {
  if (!pattern.startsWith('@')) {
    if (gaps.principal) return pattern === '*' ? 'yes' : 'maybe';
    return isFor(pattern, row.principal, []) ? 'yes' : 'no';
  }
  if (
    isFor(
      pattern,
      '',
      row.groups.filter((group) => !KEYED_HASH.test(group)),
    )
  )
    return 'yes';
  return gaps.groups ? 'maybe' : 'no';
}

function covers(pattern: string, { row, gaps }: Seen): Maybe {
  if (!gaps.path) return isOn(pattern, row.secret) ? 'yes' : 'no';
  if (pattern === '**') return 'yes';
  return pattern === '@vault' ? 'no' : 'maybe';
}

/** Every value a condition may have had. */
function may(condition: Condition, seen: Seen): readonly Truth[] {
  switch (condition.is) {
    case 'not':
      return may(condition.of, seen).map((value) =>
        value === 'nothing' ? value : value === 'yes' ? 'no' : 'yes',
      );
    case 'and':
      return combined(
        condition.of.map((part) => may(part, seen)),
        'no',
      );
    case 'or':
      return combined(
        condition.of.map((part) => may(part, seen)),
        'yes',
      );
    default:
      return mayLeaf(condition, seen);
  }
}

/** Each value of the one with each of the other; `first` decides alone, what is missing before the rest. */
function combined(parts: readonly (readonly Truth[])[], first: Truth): readonly Truth[] {
  const two = (one: Truth, other: Truth): Truth => {
    if (one === first || other === first) return first;
    return one === 'nothing' || other === 'nothing' ? 'nothing' : one;
  };
  return parts.reduce((so, part) => [...new Set(so.flatMap((one) => part.map((other) => two(one, other))))]);
}

const EITHER: readonly Truth[] = ['yes', 'no'];
const ANYTHING: readonly Truth[] = ['yes', 'no', 'nothing'];

function mayLeaf(leaf: Leaf, { row, gaps }: Seen): readonly Truth[] {
  if (leaf.is === 'tagged') return EITHER;
  if (leaf.is === 'network') return mayNetwork(leaf.cidr, gaps.address, row.network);
  if (leaf.is === 'moment') return momentsOf(row, leaf.at).map((at) => asked(leaf, row, at));
  if (leaf.is === 'group') return row.groups.includes(leaf.name) ? ['yes'] : gaps.groups ? EITHER : ['no'];
  if ('subject' in leaf) {
    if (leaf.subject.startsWith('tags.')) return ANYTHING;
    if (leaf.subject === 'reason' || gaps[leaf.subject as 'path']) return EITHER;
  }
  return [asked(leaf, row, row.minute)];
}

/** The first and the last of the row's minute, and one that is asked about within it. */
export function momentsOf({ minute }: Row, at: number): number[] {
  const last = minute + MINUTE_MS - 1;
  return minute <= at && at <= last ? [minute, at, last] : [minute, last];
}

function asked(
  leaf: Leaf,
  { secret, principal, groups, client, method, secondFactor, action }: Row,
  at: number,
): Truth {
  const known = { principal, groups, action, method, secondFactor, client, path: secret };
  return answer(leaf, { ...known, at, reason: null, address: null, tags: {} });
}

/** Of an address only its network is known: of the bits both name, all have to agree. */
function mayNetwork(cidr: string, unknown: boolean, network: string | null): readonly Truth[] {
  if (unknown) return ANYTHING;
  if (network === null) return ['nothing'];
  const [asked, own] = [named(cidr), named(network)];
  const common = Math.min(asked.bits.length, own.bits.length);
  if (asked.size !== own.size || asked.bits.slice(0, common) !== own.bits.slice(0, common)) return ['no'];
  return asked.bits.length > own.bits.length ? EITHER : ['yes'];
}

/** The bits a network names, and how many an address of its kind has. */
function named(cidr: string): { readonly bits: string; readonly size: number } {
  const [first = '', prefix = '0'] = cidr.split('/');
  const bits = bitsOf(first);
  return { bits: bits.slice(0, Number(prefix)), size: bits.length };
}
