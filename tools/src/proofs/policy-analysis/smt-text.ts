import { and, FALSE, not, or, type Script, TRUE } from './smt.js';

const code = (letter: string): string => `#b${letter.charCodeAt(0).toString(2).padStart(7, '0')}`;
const END = '#b0000000';

/** Letters a text may be made of, as ranges. */
export type Letters = readonly (readonly [string, string])[];
export const ALNUM: Letters = [
  ['A', 'Z'],
  ['a', 'z'],
  ['0', '9'],
];
export const signs = (text: string): Letters => [...text].map((sign) => [sign, sign] as const);

/**
 * A text as a row of letters up to `most`, behind which there is nothing but ends. What is asked of it is said place by
 * place: whether what begins here fits what is left of the pattern.
 */
export class Text {
  readonly most: number;
  readonly #script: Script;
  readonly #letters: readonly string[];

  constructor(script: Script, name: string, most: number) {
    this.most = most;
    this.#script = script;
    this.#letters = Array.from({ length: most }, (_, at) => script.declare(`${name}_${at}`, '(_ BitVec 7)'));
    for (let at = 1; at < most; at++) script.demand(`(=> ${this.ends(at - 1)} ${this.ends(at)})`);
  }

  /** Whether nothing comes at this place any more. */
  ends(at: number): string {
    return at < this.most ? `(= ${this.#letters[at]} ${END})` : TRUE;
  }

  is(at: number, letter: string): string {
    return at < this.most ? `(= ${this.#letters[at]} ${code(letter)})` : FALSE;
  }

  isOf(at: number, letters: Letters): string {
    const own = this.#letters[at];
    return or(
      letters.map(([first, last]) =>
        first === last
          ? `(= ${own} ${code(first)})`
          : `(and (bvule ${code(first)} ${own}) (bvule ${own} ${code(last)}))`,
      ),
    );
  }

  /** Every letter is one of these, the first one of those. */
  madeOf(letters: Letters, first = letters): string {
    return and(
      Array.from({ length: this.most }, (_, at) =>
        or([this.ends(at), this.isOf(at, at === 0 ? first : letters)]),
      ),
    );
  }

  equals(value: string): string {
    return and([this.#reads(value, 0), this.ends(value.length)]);
  }

  startsWith(value: string): string {
    return this.#reads(value, 0);
  }

  endsWith(value: string): string {
    return or(this.#places().map((at) => and([this.#reads(value, at), this.ends(at + value.length)])));
  }

  contains(value: string): string {
    return or(this.#places().map((at) => this.#reads(value, at)));
  }

  #places(): number[] {
    return Array.from({ length: this.most + 1 }, (_, at) => at);
  }

  #reads(value: string, from: number): string {
    return and([...value].map((letter, index) => this.is(from + index, letter)));
  }

  /** A pattern of a name: stars stand for any letters. */
  fits(pattern: string): string {
    const known = new Map<string, string>();
    const from = (piece: number, at: number): string => {
      if (piece === pattern.length) return this.ends(at);
      if (at > this.most) return FALSE;
      const key = `${piece} ${at}`;
      const made = known.get(key) ?? this.#script.named(next(piece, at));
      known.set(key, made);
      return made;
    };
    const next = (piece: number, at: number): string =>
      pattern[piece] === '*'
        ? or([from(piece + 1, at), and([not(this.ends(at)), from(piece, at + 1)])])
        : and([this.is(at, pattern[piece] ?? ''), from(piece + 1, at + 1)]);
    return from(0, 0);
  }

  /** A pattern of a path: segments with stars in them, and `**` for any number of whole segments. */
  isUnder(pattern: string): string {
    return new PathPattern(this, this.#script, pattern.split('/')).whole();
  }
}

class PathPattern {
  readonly #text: Text;
  readonly #script: Script;
  readonly #segments: readonly string[];
  readonly #known = new Map<string, string>();

  constructor(text: Text, script: Script, segments: readonly string[]) {
    this.#text = text;
    this.#script = script;
    this.#segments = segments;
  }

  whole(): string {
    return this.#fromSegment(0, 0);
  }

  /** The segments from `index` on are those of the text that begin at `at`, of which there is at least one. */
  #fromSegment(index: number, at: number): string {
    const segment = this.#segments[index];
    if (segment === undefined || at > this.#text.most) return FALSE;
    if (segment !== '**') return this.#within(index, 0, at);
    return this.#once(`d ${index} ${at}`, () =>
      or([this.#fromSegment(index + 1, at), this.#skip(index, at)]),
    );
  }

  /** The same, `piece` letters of the segment's pattern behind us. */
  #within(index: number, piece: number, at: number): string {
    if (at > this.#text.most) return FALSE;
    return this.#once(`w ${index} ${piece} ${at}`, () => {
      const letter = this.#segments[index]?.[piece];
      if (letter === undefined) return this.#after(index + 1, at);
      if (letter !== '*') return and([this.#text.is(at, letter), this.#within(index, piece + 1, at + 1)]);
      const further = and([not(this.#isOver(at)), this.#within(index, piece, at + 1)]);
      return or([this.#within(index, piece + 1, at), further]);
    });
  }

  /** The text's segment ends at `at`, and the segments from `index` on are what follows. */
  #after(index: number, at: number): string {
    const nothing = this.#segments.slice(index).every((segment) => segment === '**') ? TRUE : FALSE;
    return or([
      and([this.#text.ends(at), nothing]),
      and([this.#text.is(at, '/'), this.#fromSegment(index, at + 1)]),
    ]);
  }

  /** The rest of the text's segment is passed over. */
  #skip(index: number, at: number): string {
    if (at > this.#text.most) return FALSE;
    return this.#once(`s ${index} ${at}`, () =>
      or([this.#after(index, at), and([not(this.#isOver(at)), this.#skip(index, at + 1)])]),
    );
  }

  #isOver(at: number): string {
    return or([this.#text.ends(at), this.#text.is(at, '/')]);
  }

  #once(key: string, make: () => string): string {
    const known = this.#known.get(key) ?? this.#script.named(make());
    this.#known.set(key, known);
    return known;
  }
}
