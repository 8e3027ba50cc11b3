import { z } from 'zod';

/** JSON can say NUL and half a surrogate pair; no database takes them, and where they were stored nothing could be shown. */
const NO_TEXT = /[\0\p{Cs}]/u;
/** Of control characters only tabs and line breaks say something. */
const NO_PROSE = /[\p{Cs}[\p{Cc}--[\t\n\r]]]/v;

/** Text from outside in a language of its own (YAML, CEL), which knows what else it takes. */
export const source = z
  .string()
  .refine((value) => !NO_TEXT.test(value), 'must be text of whole characters, without NUL');

/** Free text from outside, of any number of lines. */
export const text = z
  .string()
  .refine((value) => !NO_PROSE.test(value), 'must be text of whole characters, without control characters');

/** The same on one line. */
export const LINE = /^[^\p{Cc}\p{Cs}]*$/u;
export const line = z.string().regex(LINE, 'must be one line of text');
