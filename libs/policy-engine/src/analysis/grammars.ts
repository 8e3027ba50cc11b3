import type { Grammar } from './automaton.js';

const OTHERS = 'xyzabcdefghijklmnopqrstuvwXYZABCDEFGHIJKLMNOPQRSTUVW0123456789_-.';
const ALNUM = /^[A-Za-z0-9]$/;

/** Names: a letter or digit, then some more signs; `empty` where there may be no name at all. */
function names(inside: RegExp, most: number, empty: boolean): Grammar<number> {
  return {
    start: 0,
    next: (length, letter) =>
      (length === 0 ? ALNUM : inside).test(letter) && length < most ? length + 1 : undefined,
    accepts: (length) => empty || length > 0,
    // Every length goes on alike until there is no more room.
    key: (length) => (length === 0 ? '0' : length < most - 40 ? '+' : String(length)),
    ...{ letters: [], others: OTHERS },
  };
}

export const PRINCIPALS = names(/^[A-Za-z0-9._:@/-]$/, 128, false);
/** Empty where the client said nothing. */
export const CLIENTS = names(/^[A-Za-z0-9._/+-]$/, 64, true);

/** What somebody says or a tag holds: any line of printable letters. */
export const TEXTS: Grammar<true> = {
  start: true,
  next: (_, letter) => (/^[^\p{Cc}]$/u.test(letter) ? true : undefined),
  accepts: () => true,
  key: () => '',
  ...{ letters: [], others: `${OTHERS} ` },
};

interface PathState {
  /** Whole segments before this one. */
  readonly segments: number;
  /** How this one began: nothing yet, one or two dots and no more, or anything else. */
  readonly began: '' | '.' | '..' | 'name';
  /** Letters of this one. */
  readonly letters: number;
  /** Letters of all of it. */
  readonly length: number;
}

const MOST_SEGMENTS = 8;
const LONGEST_SEGMENT = 64;
/** Without the slash at its end. */
const LONGEST_PATH = 256;

/** Paths of secrets with a slash after every segment, the last one too. */
export const PATHS: Grammar<PathState> = {
  start: { segments: 0, began: '', letters: 0, length: 0 },
  next: ({ segments, began, letters, length: before }, letter) => {
    const length = before + 1;
    if (letter === '/')
      return began === 'name' ? { segments: segments + 1, began: '', letters: 0, length } : undefined;
    if (segments >= MOST_SEGMENTS || !/^[A-Za-z0-9._-]$/.test(letter)) return undefined;
    if (letters >= LONGEST_SEGMENT || length > LONGEST_PATH) return undefined;
    const dots = letter === '.' && began !== 'name' && began !== '..';
    return { segments, began: dots ? (began === '' ? '.' : '..') : 'name', letters: letters + 1, length };
  },
  accepts: ({ segments, began }) => segments > 0 && began === '',
  key: ({ segments, began }) => `${segments}${began}`,
  used: ({ letters }) => letters,
  letters: ['/'],
  others: OTHERS,
};
