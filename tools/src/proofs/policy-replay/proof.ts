import { isDeepStrictEqual } from 'node:util';
import type { Answer, Flip } from '@keyfleet/policy-engine';
import * as engine from '@keyfleet/policy-engine';
import { type Rule, written } from '../policy-analysis/language.js';
import { type Group, grouped } from './groups.js';
import { guess, isAllowed } from './guesses.js';
import { decide } from './naive.js';
import { fleetPolicies } from './policies.js';
import { type Row, traffic } from './traffic.js';

export interface ReplayProofOptions {
  readonly classes: number;
  readonly rules: number;
  /** Of so many classes one is also guessed: what it may have been, and what would have been decided then. */
  readonly guessEvery: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
  /** The replay under test: the engine's own by default. */
  readonly replay?: typeof engine.replay;
}

export interface ReplayProofResult {
  readonly classes: number;
  readonly statements: { readonly present: number; readonly draft: number };
  /** Of the replay alone, and of the processor in it. */
  readonly replaySeconds: number;
  readonly replayCpuSeconds: number;
  readonly bruteSeconds: number;
  readonly flips: number;
  readonly requestsFlipped: number;
  /** Classes of which either side cannot be decided. */
  readonly notDecidable: number;
  readonly groups: Readonly<
    Record<
      string,
      {
        readonly classes: number;
        readonly requests: number;
        readonly agents: number;
        readonly principals: number;
      }
    >
  >;
  /** Classes about which the brute force says otherwise, and whether its groups are the same. */
  readonly different: number;
  readonly sameGroups: boolean;
  readonly guessed: number;
  /** Answers that some request the class may have been contradicts. */
  readonly overclaimed: number;
  /** Classes called not decidable for which no two requests were found that are decided differently. */
  readonly overcautious: number;
}

type Found = readonly Flip<Row>[];

const SAID = 10;
const MOST_GUESSES = 3_000;

/** Replays recorded traffic through the engine, and decides every class of it again by asking every rule. */
export async function proveReplay(options: ReplayProofOptions): Promise<ReplayProofResult> {
  const { classes, rules, random, say, replay = engine.replay } = options;
  const { present, draft } = fleetPolicies(rules, random);
  const rows = traffic(classes, random);
  say(`${rows.length} classes, ${present.length} statements in force, ${draft.length} in the draft`);
  const started = { at: performance.now(), cpu: process.cpuUsage() };
  const found = [...replay(rows, setOf(present), setOf(draft), { undecidedToo: true })];
  const groups = grouped(found);
  const replaySeconds = secondsSince(started.at);
  const { user, system } = process.cpuUsage(started.cpu);
  say(`replayed in ${replaySeconds} s: ${found.length} classes that flip or cannot be decided`);
  const bruteAt = performance.now();
  const expected = bruteForce(rows, present, draft, say);
  const bruteSeconds = secondsSince(bruteAt);
  const flips = found.filter(({ before, after }) => before !== after);
  const isOpen = ({ before, after }: Flip<Row>): boolean => [before, after].includes('not-decidable');
  return {
    ...{ classes: rows.length, statements: { present: present.length, draft: draft.length } },
    ...{ replaySeconds, replayCpuSeconds: Math.round((user + system) / 1e4) / 100, bruteSeconds },
    ...{ flips: flips.length, requestsFlipped: flips.reduce((sum, { row }) => sum + row.count, 0) },
    ...{ notDecidable: found.filter(isOpen).length, groups: counted(groups) },
    ...{
      different: differences(found, expected, say),
      sameGroups: isDeepStrictEqual(groups, grouped(expected)),
    },
    ...guessAll(options, { rows, found, present, draft }),
  };
}

function setOf(rules: readonly Rule[]): engine.PolicySet {
  return new engine.PolicySet([{ policyId: 'pol_1', version: 1, statements: rules.map(written) }]);
}

const secondsSince = (at: number): number => Math.round((performance.now() - at) / 10) / 100;

/** The same list, made by asking every rule about every class. */
function bruteForce(
  rows: readonly Row[],
  present: readonly Rule[],
  draft: readonly Rule[],
  say: (line: string) => void,
): Flip<Row>[] {
  const flips: Flip<Row>[] = [];
  for (const [index, row] of rows.entries()) {
    const [before, after] = [decide(present, row), decide(draft, row)];
    if (before !== after || after === 'not-decidable') flips.push({ row, before, after });
    if ((index + 1) % 100_000 === 0) say(`${index + 1} classes decided by brute force`);
  }
  return flips;
}

/** Both lists are in the order of the rows; what only one of them has is a difference too. */
function differences(found: Found, expected: Found, say: (line: string) => void): number {
  const [ours, theirs] = [found, expected].map((all) => new Map(all.map((flip) => [flip.row, textOf(flip)])));
  const rows = [...new Set([...found, ...expected].map(({ row }) => row))];
  const different = rows.filter((row) => ours?.get(row) !== theirs?.get(row));
  for (const row of different.slice(0, SAID))
    say(`${JSON.stringify(row)}: replay ${ours?.get(row)}, brute force ${theirs?.get(row)}`);
  if (different.length > 0) return different.length;
  return found.length === expected.length && found.every(({ row }, index) => row === expected[index]?.row)
    ? 0
    : 1;
}

const textOf = (flip: Flip<Row> | undefined): string => (flip ? `${flip.before} → ${flip.after}` : 'no flip');

function counted(groups: Readonly<Record<string, Group>>): ReplayProofResult['groups'] {
  return Object.fromEntries(
    Object.entries(groups).map(([name, { classes, requests, agents, principals }]) => [
      name,
      { classes, requests, agents: Object.keys(agents).length, principals: Object.keys(principals).length },
    ]),
  );
}

interface Replayed {
  readonly rows: readonly Row[];
  readonly found: Found;
  readonly present: readonly Rule[];
  readonly draft: readonly Rule[];
}

/** What some of the classes may have been, request by request: no answer may be wrong about any. */
function guessAll(
  { guessEvery, random, say }: ReplayProofOptions,
  { rows, found, present, draft }: Replayed,
): Pick<ReplayProofResult, 'guessed' | 'overclaimed' | 'overcautious'> {
  const listed = new Map(found.map((flip) => [flip.row, flip]));
  const first = Math.floor(random() * guessEvery);
  const guessed = rows.filter((_, index) => index % guessEvery === first);
  // A class that is not listed is decided, and by both alike.
  const answers = guessed.flatMap((row) => [
    { row, rules: present, answer: listed.get(row)?.before },
    { row, rules: draft, answer: listed.get(row)?.after },
  ]);
  let [overclaimed, overcautious] = [0, 0];
  for (const { row, rules, answer } of answers) {
    const seen = verdictsOf(rules, row, random);
    const isOpen = seen.size > 1;
    if (answer === 'not-decidable') overcautious += Number(!isOpen);
    else if (isOpen || (answer && !seen.has(answer))) {
      overclaimed += 1;
      if (overclaimed <= SAID)
        say(`${JSON.stringify(row)} may be ${[...seen].join(' and ')}, and is called ${answer ?? 'decided'}`);
    }
  }
  return { guessed: guessed.length, overclaimed, overcautious };
}

function verdictsOf(rules: readonly Rule[], row: Row, random: () => number): Set<Answer> {
  const seen = new Set<Answer>();
  for (const request of guess(rules, row, MOST_GUESSES, random)) {
    seen.add(isAllowed(rules, request) ? 'allowed' : 'denied');
    if (seen.size > 1) break;
  }
  return seen;
}
