import type * as Engine from '@keyfleet/policy-engine';
import { type EngineUnderTest, type Pair, setOf, showing } from './examples.js';
import type { Rule } from './language.js';
import type { Ask, Oracle } from './oracle.js';

type Found = Engine.Conflict;

/** Where analysis looks for a moment first. */
export const NOW = Date.parse('2026-06-15T12:00:00Z');

/** What z3 says of a pair; undefined for what it did not find out. */
export interface Facts {
  readonly rules: readonly Rule[];
  readonly reachable: ReadonlyMap<Rule, boolean | undefined>;
  /** Denies that meet an allow. */
  readonly met: ReadonlyMap<Rule, readonly Rule[]>;
  /** Whether those leave nothing of it. */
  readonly covered: ReadonlySet<Rule>;
  /** Others of which each covers it alone: `inner` lies within `outer`. */
  readonly within: ReadonlyMap<Rule, readonly Rule[]>;
  readonly unknown: number;
}

/** Asks the oracle everything a judge needs. */
export function factsOf(oracle: Oracle, pair: Pair): Promise<Facts> {
  const rules = pair.flat();
  return oracle.about(rules, (ask) => askAll(rules, ask));
}

async function askAll(rules: readonly Rule[], ask: Ask): Promise<Facts> {
  let unknown = 0;
  const isPossible = async (
    by: readonly Rule[],
    without: readonly Rule[] = [],
  ): Promise<boolean | undefined> => {
    const answer = await ask(by, without);
    if (answer === undefined) unknown += 1;
    return answer;
  };
  const reachable = new Map<Rule, boolean | undefined>();
  const met = new Map<Rule, readonly Rule[]>();
  const covered = new Set<Rule>();
  const within = new Map<Rule, readonly Rule[]>();
  for (const rule of rules) {
    reachable.set(rule, await isPossible([rule]));
    const denies: Rule[] = [];
    const around: Rule[] = [];
    for (const other of rules.filter((one) => one !== rule && reachable.get(rule) !== false)) {
      const against = rule.effect === 'allow' && other.effect === 'deny';
      if (against && (await isPossible([rule, other]))) denies.push(other);
      const asksWithin = against ? denies.includes(other) : rule.effect === other.effect;
      if (asksWithin && (await isPossible([rule], [other])) === false) around.push(other);
    }
    met.set(rule, denies);
    within.set(rule, around);
    const alone = denies.some((deny) => around.includes(deny));
    if (alone || (denies.length > 1 && (await isPossible([rule], denies)) === false)) covered.add(rule);
  }
  return { rules, reachable, met, covered, within, unknown };
}

export interface Judgement {
  /** What is wrong with the analysis, in words. */
  readonly wrong: readonly string[];
  readonly undecided: number;
  readonly examples: number;
}

/** Compares what the analysis of an engine finds in a pair with what z3 says, and shows each example to the engine. */
export function judge(engine: EngineUnderTest, pair: Pair, facts: Facts): Judgement {
  const found = findingsOf(engine, pair);
  const undecided = found.filter(({ kind }) => kind === 'undecided').length;
  const wrong: string[] = [];
  if (undecided === 0 && facts.unknown === 0)
    for (const rule of facts.rules)
      wrong.push(
        ...disagreements(
          rule,
          facts,
          found.filter(({ statement }) => statement.statement === rule.id),
        ),
      );
  for (const conflict of found) wrong.push(...showing(engine, facts.rules, conflict));
  return { wrong, undecided, examples: found.filter(({ example }) => example !== null).length };
}

/** What the analysis of an engine says of a pair. */
export function findingsOf(engine: EngineUnderTest, pair: Pair): Found[] {
  return engine.findConflicts(setOf(engine, pair), NOW);
}

const text = (kind: string, others: readonly { id: string }[]): string =>
  [kind, ...others.map(({ id }) => id)].join(' ');

function disagreements(rule: Rule, facts: Facts, found: readonly Found[]): string[] {
  const said = found
    .map(({ kind, with: others }) =>
      text(
        kind,
        others.map(({ statement }) => ({ id: statement })),
      ),
    )
    .sort();
  const expected = expectedOf(rule, facts);
  return expected.some((one) => one.join() === said.join())
    ? []
    : [
        `${rule.id}: it says [${said.join(', ')}], z3 [${expected.map((one) => one.join(', ')).join('] or [')}]`,
      ];
}

/** Which findings are right for a rule: more than one where several others each are reason enough. */
function expectedOf(rule: Rule, { rules, reachable, met, covered, within }: Facts): string[][] {
  if (!reachable.get(rule)) return [[text('unreachable', [])]];
  const denies = met.get(rule) ?? [];
  const around = within.get(rule) ?? [];
  if (covered.has(rule)) {
    const alone = denies.filter((deny) => around.includes(deny));
    return alone.length > 0 ? alone.map((deny) => [text('shadowed', [deny])]) : [[text('shadowed', denies)]];
  }
  const contradictions = denies.map((deny) => text('contradiction', [deny]));
  // Of two that say the same, the later one is redundant.
  const reasons = around.filter(
    (other) =>
      other.effect === rule.effect &&
      (rules.indexOf(other) < rules.indexOf(rule) || !within.get(other)?.includes(rule)),
  );
  const redundant = reasons.length === 0 ? [[]] : reasons.map((other) => [text('redundant', [other])]);
  return redundant.map((one) => [...contradictions, ...one].sort());
}
