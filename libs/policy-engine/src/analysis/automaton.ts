/**
 * A set of texts as a machine that reads them letter by letter. `next` gives undefined where nothing can follow any
 * more; equal states have equal keys.
 */
export interface Machine<State> {
  readonly start: State;
  /** Undefined: no text that goes on like this is in the set. */
  next(state: State, letter: string): State | undefined;
  accepts(state: State): boolean;
  key(state: State): string;
  /** Letters it treats unlike letters it does not name. */
  readonly letters: Iterable<string>;
}

/** Which texts there are at all. */
export interface Grammar<State> extends Machine<State> {
  /** Letters that stand for all that nobody names; one of them that no pattern names is tried, the likeliest first. */
  readonly others: string;
  /**
   * How much is used up of what is bounded, where that is not part of the key: of two equal states whatever may follow
   * the one with more may follow the one with less, if its text is not longer either.
   */
  used?(state: State): number;
}

/**
 * One thing a pattern is made of: a letter, any run of letters with or without slashes in it, or any number of whole
 * segments, each with the slash after it (which takes two places: between segments, and within one).
 */
export type Piece = { readonly letter: string } | 'segment' | 'text' | 'deep' | 'within';

export function literal(text: string): Piece[] {
  return [...text].map((letter) => ({ letter }));
}

/** `a*b`, where the star stands for any letters; for names without slashes in their meaning. */
export function starred(pattern: string): Piece[] {
  return [...pattern].map((letter) => (letter === '*' ? 'text' : { letter }));
}

/**
 * Reads a text against several patterns at once: how far into each it may be. A set of places, as the subset
 * construction has it, made as it is needed.
 */
export function patterns(all: readonly (readonly Piece[])[]): Machine<readonly number[]> {
  // Places of all patterns in one row; the end of each is a place of its own.
  const pieces: (Piece | 'end')[] = all.flatMap((pattern) => [...pattern, 'end' as const]);
  const starts: number[] = [];
  for (let at = 0, index = 0; index < all.length; at += (all[index]?.length ?? 0) + 1, index++)
    starts.push(at);
  const closed = (places: Iterable<number>): number[] => {
    const found = new Set<number>();
    for (const place of places)
      for (let at: number | undefined = place; at !== undefined && !found.has(at); ) {
        found.add(at);
        const piece: Piece | 'end' | undefined = pieces[at];
        if (piece === 'segment' || piece === 'text') at += 1;
        else at = piece === 'deep' ? at + 2 : undefined;
      }
    return [...found].sort((a, b) => a - b);
  };
  return {
    start: closed(starts),
    next: (places, letter) => {
      const after: number[] = [];
      for (const place of places) {
        const piece = pieces[place];
        if (piece === 'text' || ((piece === 'segment' || piece === 'within') && letter !== '/'))
          after.push(place);
        else if (piece === 'within') after.push(place - 1);
        else if (piece === 'deep' && letter !== '/') after.push(place + 1);
        else if (typeof piece === 'object' && piece.letter === letter) after.push(place + 1);
      }
      return after.length === 0 ? undefined : closed(after);
    },
    accepts: (places) => places.some((place) => pieces[place] === 'end'),
    key: (places) => places.join(','),
    letters: pieces.flatMap((piece) => (typeof piece === 'object' ? [piece.letter] : [])),
  };
}

export interface TextQuestion {
  readonly machine: Machine<readonly number[]>;
  readonly holds: boolean;
}

/** Beyond so many states a text is not looked for any more; real policies need some dozens. */
const MOST_STATES = 20_000;

export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

interface Step {
  readonly states: readonly (readonly number[] | undefined)[];
  readonly grammar: unknown;
  readonly from: Step | undefined;
  readonly letter: string;
}

/**
 * The shortest text of a grammar for which every question has its answer; undefined where there is none. Breadth first
 * through the product of all machines, so that what it finds is short enough to be read by people.
 */
export function findText<G>(grammar: Grammar<G>, questions: readonly TextQuestion[]): string | undefined {
  const letters = new Set<string>(grammar.letters);
  for (const { machine } of questions) for (const letter of machine.letters) letters.add(letter);
  const other = [...grammar.others].find((letter) => !letters.has(letter));
  if (other !== undefined) letters.add(other);
  const first: Step = {
    states: questions.map(({ machine }) => machine.start),
    grammar: grammar.start,
    ...{ from: undefined, letter: '' },
  };
  const seen = new Map([[keyOf(first), usedBy(first)]]);
  const queue: Step[] = [first];
  for (let at = 0; at < queue.length; at++) {
    const step = queue[at] as Step;
    if (isFound(step)) return textOf(step);
    for (const letter of letters) {
      const next = follow(step, letter);
      if (!next) continue;
      const key = keyOf(next);
      const [used, before] = [usedBy(next), seen.get(key)];
      if (before !== undefined && before <= used) continue;
      if (queue.length >= MOST_STATES)
        throw new TooLarge('A text with these properties was not found in time.');
      seen.set(key, used);
      queue.push(next);
    }
  }
  return undefined;

  function usedBy({ grammar: state }: Step): number {
    return grammar.used?.(state as G) ?? 0;
  }

  function isFound({ states, grammar: state }: Step): boolean {
    if (!grammar.accepts(state as G)) return false;
    return questions.every(({ machine, holds }, index) => {
      const own = states[index];
      return (own !== undefined && machine.accepts(own)) === holds;
    });
  }

  function follow(step: Step, letter: string): Step | undefined {
    const next = grammar.next(step.grammar as G, letter);
    if (next === undefined) return undefined;
    const states: (readonly number[] | undefined)[] = [];
    for (const [index, { machine, holds }] of questions.entries()) {
      const own = step.states[index];
      const state = own && machine.next(own, letter);
      // What it must be in, it can never be in any more.
      if (state === undefined && holds) return undefined;
      states.push(state);
    }
    return { states, grammar: next, from: step, letter };
  }

  function keyOf({ states, grammar: state }: Step): string {
    const own = states.map((one, index) => (one ? questions[index]?.machine.key(one) : '-'));
    return `${grammar.key(state as G)}|${own.join('|')}`;
  }
}

function textOf(step: Step): string {
  const letters: string[] = [];
  for (let at: Step | undefined = step; at; at = at.from) letters.push(at.letter);
  return letters.reverse().join('');
}
