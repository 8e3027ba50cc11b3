import { join } from 'node:path';
import * as engine from '@keyfleet/policy-engine';
import type { EngineUnderTest } from './examples.js';
import { Draw, type Policy } from './generate.js';
import { type Facts, factsOf, findingsOf, judge } from './judge.js';
import { written } from './language.js';
import { ANALYSIS_BUGS, type AnalysisBug } from './mutants.js';
import type { Oracle } from './oracle.js';
import { plantEngine } from './plant.js';

export interface AnalysisOptions {
  readonly oracle: Oracle;
  readonly pairs: number;
  readonly random: () => number;
  readonly directory: string;
  readonly say: (line: string) => void;
  /** Planted bugs to look for; all by default. */
  readonly bugs?: readonly AnalysisBug[];
}

export interface AnalysisResult {
  readonly pairs: number;
  /** Of which an allow and a deny meet, by z3. */
  readonly inConflict: number;
  readonly withConditions: number;
  readonly shadowed: number;
  readonly unreachable: number;
  /** Called so by the analysis; z3's word is not compared then. */
  readonly undecided: number;
  /** Pairs about which z3 did not find everything out in its time. */
  readonly unanswered: number;
  readonly questions: number;
  readonly examples: number;
  /** What the analysis says otherwise than z3, and examples that show nothing. */
  readonly wrong: number;
  readonly analysisMs: number;
  /** For each planted bug, at which pair it was found, from 1; null where it was not. */
  readonly bugs: Readonly<Record<string, number | null>>;
}

const SAID = 10;
/** Of ten pairs. */
const WITH_CONDITIONS = 7;
/** A line of progress after so many pairs. */
const OFTEN = 50;
/** Pairs beyond those of the proof among which a planted bug is looked for. */
const MOST_MORE = 5_000;

interface Case {
  readonly pair: readonly [Policy, Policy];
  readonly facts: Facts;
}

/** Puts random pairs of policies to the analysis and to z3, and the same pairs to analyses with planted bugs. */
export async function proveAnalysis(options: AnalysisOptions): Promise<AnalysisResult> {
  const { oracle, pairs, random, say } = options;
  const draw = new Draw(random);
  const cases: Case[] = [];
  const count = {
    inConflict: 0,
    withConditions: 0,
    shadowed: 0,
    unreachable: 0,
    undecided: 0,
    unanswered: 0,
    examples: 0,
    wrong: 0,
  };
  let analysisMs = 0;
  for (let index = 0; index < pairs; index++) {
    const pair = draw.pair(index % 10 < WITH_CONDITIONS);
    const facts = await factsOf(oracle, pair);
    cases.push({ pair, facts });
    const started = performance.now();
    const { wrong, undecided, examples } = judge(engine, pair, facts);
    analysisMs += performance.now() - started;
    count.inConflict += Number([...facts.met.values()].some((denies) => denies.length > 0));
    count.withConditions += Number(facts.rules.some(({ condition }) => condition));
    count.shadowed += Number(facts.covered.size > 0);
    count.unreachable += Number([...facts.reachable.values()].includes(false));
    count.undecided += Number(undecided > 0);
    count.unanswered += Number(facts.unknown > 0);
    count.examples += examples;
    count.wrong += wrong.length;
    if (wrong.length > 0 && count.wrong - wrong.length < SAID) tell(say, index, pair, wrong);
    if ((index + 1) % OFTEN === 0 || index + 1 === pairs)
      say(
        `${index + 1} pairs, ${count.inConflict} in conflict, ${oracle.asked} questions to z3, ${count.wrong} wrong`,
      );
  }
  const bugs = await findBugs(options, cases);
  return { pairs, ...count, questions: oracle.asked, analysisMs: Math.round(analysisMs), bugs };
}

function tell(
  say: (line: string) => void,
  index: number,
  pair: Case['pair'],
  wrong: readonly string[],
): void {
  for (const line of wrong) say(`pair ${index + 1}: ${line}`);
  for (const rule of pair.flat()) say(`    ${JSON.stringify(written(rule))}`);
}

async function findBugs(
  { oracle, directory, random, say, bugs = ANALYSIS_BUGS }: AnalysisOptions,
  cases: readonly Case[],
): Promise<AnalysisResult['bugs']> {
  const found: Record<string, number | null> = {};
  const draw = new Draw(random);
  for (const { name, patches, about } of bugs) {
    const planted = (await import(
      plantEngine(process.cwd(), join(directory, name), patches)
    )) as EngineUnderTest;
    const isFound = ({ pair, facts }: Case): boolean => judge(planted, pair, facts).wrong.length > 0;
    let at = cases.findIndex(isFound);
    // A small proof has too few pairs for what shows seldom: z3 is asked about further ones that may show it.
    for (let more = 0; at < 0 && more < MOST_MORE; more++) {
      const pair = draw.pair(true, about);
      if (!saysOtherwise(planted, pair)) continue;
      if (isFound({ pair, facts: await factsOf(oracle, pair) })) at = cases.length + more;
    }
    found[name] = at < 0 ? null : at + 1;
    say(`${name}: ${at < 0 ? 'NOT found' : `found at pair ${at + 1}`}`);
  }
  return found;
}

/** Whether two engines find different things in a pair; which of them is right is not said by that. */
function saysOtherwise(planted: EngineUnderTest, pair: Case['pair']): boolean {
  const [one, other] = [engine, planted].map((each) => JSON.stringify(findingsOf(each, pair)));
  return one !== other;
}
