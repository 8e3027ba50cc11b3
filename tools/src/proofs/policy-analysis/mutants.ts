import type { Patch } from '../checker/mutants.js';
import type { World } from './generate.js';

export interface AnalysisBug {
  readonly name: string;
  /** The mistake, as somebody might make it. */
  readonly mistake: string;
  readonly patches: readonly Patch[];
  /** What further pairs are about where those of the proof do not show it. */
  readonly about?: Partial<World>;
}

const ANALYSIS = 'libs/policy-engine/src/analysis';

/** Engines whose analysis is broken on purpose: a judge that does not notice is no evidence. */
export const ANALYSIS_BUGS: readonly AnalysisBug[] = [
  {
    name: 'not-dropped',
    mistake: 'what is negated in a condition is analysed as if it were not',
    patches: [
      {
        file: `${ANALYSIS}/formula.ts`,
        find: 'return of(expression.of, !value);',
        put: 'return of(expression.of, value);',
      },
    ],
  },
  {
    name: 'star-over-slash',
    mistake: 'a star within a segment of a path goes over its end',
    patches: [
      {
        file: `${ANALYSIS}/automaton.ts`,
        find: "((piece === 'segment' || piece === 'within') && letter !== '/')",
        put: "piece === 'segment' || (piece === 'within' && letter !== '/')",
      },
    ],
  },
  {
    name: 'window-end',
    mistake: 'a window of time holds for the minute at which it ends',
    about: { kinds: ['clock'], zones: ['UTC'] },
    patches: [
      {
        file: `${ANALYSIS}/find-time.ts`,
        find: 'return compare(question.comparison, wallClock(question.zone, at).minute, question.minute) === wanted;',
        put: "return compare(question.comparison === '<' ? '<=' : question.comparison, wallClock(question.zone, at).minute, question.minute) === wanted;",
      },
    ],
  },
  {
    name: 'prefix-off-by-one',
    mistake: 'of a network one bit too few is looked at',
    about: { kinds: ['network'] },
    patches: [
      {
        file: `${ANALYSIS}/find-address.ts`,
        find: 'contains(network, address) === holds',
        put: 'contains({ ...network, prefix: Math.max(0, network.prefix - 1) }, address) === holds',
      },
    ],
  },
  {
    name: 'missing-tag',
    mistake: 'a tag that is not there is taken for an empty one',
    about: { kinds: ['text', 'tagged'], subjects: ['tags.env'] },
    patches: [
      {
        file: `${ANALYSIS}/formula.ts`,
        find: "return { all: [ask({ kind: 'has-tag', tag: atom.subject.tag }), formula] };",
        put: 'return formula;',
      },
    ],
  },
  {
    name: 'doubt-allows',
    mistake: 'what denies is held to need a true condition, as what allows does',
    about: { kinds: ['text', 'tagged'], subjects: ['tags.env'] },
    patches: [
      {
        file: `${ANALYSIS}/formula.ts`,
        find: 'denies ? negate(isFalse(expression)) : isTrue(expression)',
        put: 'isTrue(expression)',
      },
    ],
  },
  {
    name: 'corners-apart',
    mistake: 'only statements whose paths begin exactly alike are compared',
    patches: [
      {
        file: `${ANALYSIS}/neighbours.ts`,
        find: 'for (const child of node.children.values()) addAll(child, found);',
        put: '',
      },
    ],
  },
  {
    name: 'winter-forgotten',
    mistake: 'clocks are taken never to be put forward or back',
    about: { kinds: ['clock'], zones: ['UTC', 'Europe/Zurich'] },
    patches: [
      {
        file: `${ANALYSIS}/find-time.ts`,
        find: 'zones.flatMap((zone) => changesOf(zone, begin));',
        put: 'zones.flatMap((zone) => changesOf(zone, begin).slice(0, 0));',
      },
    ],
  },
];
