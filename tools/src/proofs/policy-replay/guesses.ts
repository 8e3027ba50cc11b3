import { KEYED_HASH } from '@keyfleet/contracts';
import type { AccessRequest } from '@keyfleet/policy-engine';
import { leavesOf, type Rule } from '../policy-analysis/language.js';
import { bitsOf, hasSay } from '../policy-analysis/naive.js';
import { gapsOf, momentsOf } from './naive.js';
import type { Row } from './traffic.js';

type Guesses = { readonly [Part in keyof AccessRequest]: readonly AccessRequest[Part][] };

/**
 * Requests a row may be a record of: everything it does not tell is made up, from what the rules ask for and from what
 * they do not. All of them where there are few, else so many drawn at random.
 */
export function* guess(
  rules: readonly Rule[],
  row: Row,
  most: number,
  random: () => number,
): Generator<AccessRequest> {
  const guesses = guessesFor(rules, row);
  const parts = Object.entries(guesses);
  const all = parts.reduce((product, [, values]) => product * values.length, 1);
  for (let number = 0; number < Math.min(all, most); number++) {
    let rest = all <= most ? number : Math.floor(random() * all);
    const made = parts.map(([part, values]) => {
      const value = values[rest % values.length];
      rest = Math.floor(rest / values.length);
      return [part, value] as const;
    });
    yield Object.fromEntries(made) as unknown as AccessRequest;
  }
}

/** Whether a request is allowed: something allows it and nothing denies it. */
export function isAllowed(rules: readonly Rule[], request: AccessRequest): boolean {
  const say = rules.filter((rule) => hasSay(rule, request));
  return say.length > 0 && say.every(({ effect }) => effect === 'allow');
}

function guessesFor(rules: readonly Rule[], row: Row): Guesses {
  const gaps = gapsOf(row);
  const leaves = rules.flatMap(({ condition }) => leavesOf(condition));
  const said = (subject: string): string[] =>
    leaves.flatMap((leaf) =>
      'subject' in leaf && leaf.subject === subject ? ('values' in leaf ? leaf.values : [leaf.value]) : [],
    );
  const names = rules.flatMap(({ principals }) => principals).map((pattern) => pattern.replaceAll('*', '7'));
  const isOfSecret = gaps.path || row.secret !== null;
  return {
    principal: gaps.principal
      ? unique([...names.filter((name) => !name.startsWith('@')), 'nobody'])
      : [row.principal],
    groups: gaps.groups ? groupings(row, names) : [row.groups],
    ...{ action: [row.action], method: [row.method], secondFactor: [row.secondFactor] },
    path: gaps.path
      ? unique([
          ...rules
            .flatMap(({ resources }) => resources)
            .filter((one) => one !== '@vault')
            .map(pathOf),
          'else/where',
        ])
      : [row.secret],
    client: gaps.client
      ? unique([...said('client'), 'other', row.secret === null ? null : 'x'])
      : [row.client],
    reason: unique([null, ...said('reason'), 'because']),
    address: addresses(
      row,
      gaps.address,
      leaves.flatMap((leaf) => (leaf.is === 'network' ? [leaf.cidr] : [])),
    ),
    tags: isOfSecret ? [{}, { env: 'prod' }, { env: 'dev' }] : [{}],
    at: unique(leaves.flatMap((leaf) => (leaf.is === 'moment' ? momentsOf(row, leaf.at) : [row.minute]))),
  };
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
const pathOf = (pattern: string): string => pattern.replaceAll('**', 'deep/er').replaceAll('*', '7');

/** Groups whose names are known stay; each of the others is one that rules name, or none of them. */
function groupings({ groups }: Row, names: readonly string[]): string[][] {
  const known = groups.filter((group) => !KEYED_HASH.test(group));
  const others = unique([
    ...names.filter((name) => name.startsWith('@')).map((name) => name.slice(1)),
    'strangers',
  ]);
  return others.map((other) => [...known, other]).concat([[...known, 'ops', 'opsec']]);
}

/** The first and the last of the row's network and of every network asked about that it holds; anything where there is none. */
function addresses(row: Row, unknown: boolean, asked: readonly string[]): (string | null)[] {
  if (row.network === null && !unknown) return [null];
  const edges = asked.flatMap(edgesOf);
  if (row.network === null) return unique([null, ...edges, '203.0.113.9']);
  const [own = '', prefix = '0'] = row.network.split('/');
  const inside = (address: string): boolean => {
    const [one, other] = [bitsOf(own), bitsOf(address)];
    return one.length === other.length && one.slice(0, Number(prefix)) === other.slice(0, Number(prefix));
  };
  return unique([...edgesOf(row.network), ...edges.filter(inside)]);
}

function edgesOf(cidr: string): string[] {
  const [first = '', prefix = '0'] = cidr.split('/');
  const bits = bitsOf(first);
  const last = bits.slice(0, Number(prefix)).padEnd(bits.length, '1');
  return [bits, last].map((all) => {
    const size = all.length === 32 ? 8 : 16;
    const numbers = (all.match(new RegExp(`.{${size}}`, 'g')) ?? []).map((part) => Number.parseInt(part, 2));
    return size === 8 ? numbers.join('.') : numbers.map((number) => number.toString(16)).join(':');
  });
}
