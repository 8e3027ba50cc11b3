import fc from 'fast-check';
import type { z } from 'zod';
import { VAULT_EVENTS } from './events/index.js';
import { heartbeat } from './heartbeat.js';
import * as http from './http/index.js';
import { journalEntry } from './journal.js';
import * as messages from './messages/index.js';
import { displayName } from './names.js';
import { line, source, text } from './text.js';

const unit = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.constantFrom(
    '\0',
    '\t',
    '\r\n',
    '\u001f',
    '\u007f',
    '\u0085',
    '\ud83d',
    '\ude00',
    '\ud83d\ude00',
    ' ',
    'a',
  ),
);
const anything = fc.array(unit, { maxLength: 8 }).map((units) => units.join(''));

describe('text from outside', () => {
  it('is whole characters, without control characters but tabs and line breaks', () => {
    fc.assert(
      fc.property(anything, (given) => {
        const good = given.isWellFormed() && !/[^\P{Cc}\t\r\n]/u.test(given);
        expect(text.safeParse(given).success).toBe(good);
        expect(source.safeParse(given).success).toBe(given.isWellFormed() && !given.includes('\0'));
        expect(line.safeParse(given).success).toBe(good && !/[\t\r\n]/.test(given));
        if (displayName.safeParse(given).success) expect(line.safeParse(given.trim()).success).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is judged in time, however long it is', () => {
    const long = 'a\n'.repeat(500_000);
    expect(text.safeParse(long).success).toBe(true);
    expect(text.safeParse(`${long}\0`).success).toBe(false);
  });
});

/** Of a schema, every place where a text stands that it takes. */
function* textsOf(schema: z.ZodType, at = ''): Generator<[string, z.ZodType]> {
  const def = schema._zod.def as unknown as Inner;
  if (def.type === 'string') return yield [at, schema];
  if (def.type === 'pipe') return yield [at, schema];
  for (const [name, child] of Object.entries(def.shape ?? {})) yield* textsOf(child, `${at}/${name}`);
  for (const child of [def.element, def.innerType, def.keyType, def.valueType, ...(def.options ?? [])])
    if (child) yield* textsOf(child, at);
}

interface Inner {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly keyType?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

/** Texts that are read and not kept, or that only our own gateway writes. */
const NOT_KEPT: ReadonlySet<string> = new Set([
  // Hashed, verified, signed or parsed as what they are.
  'signTexts /texts',
  'login /password',
  'enrolAgent /csr',
  'renewAgent /csr',
  'renewAgent /enrolment/jwt',
  // Of the connection, as the gateway knows it; a header has neither NUL nor halves of characters.
  'login /network',
  'login /userAgent',
  'enrolAgent /network',
  // Compared with what there is.
  'unassignPolicy /assignmentId',
  'listQuery /cursor',
  'eventsQuery /cursor',
  // Read by a grammar that has no place for them, with the character where it went wrong.
  'listQuery /filter',
  'eventsQuery /filter',
  // Names of what `data` has; each event's own schema says which there are.
  'journalEntry /data',
]);

const COMMANDS = Object.entries(messages).flatMap(([name, one]) =>
  typeof one === 'object' && 'request' in one ? [[name, one.request as z.ZodType] as const] : [],
);
const QUERIES = Object.entries(http).flatMap(([name, one]) =>
  /Query$/.test(name) ? [[name, one as z.ZodType] as const] : [],
);
const TOLD_BY_AGENTS = [
  ['heartbeat', heartbeat as z.ZodType] as const,
  ['journalEntry', journalEntry as z.ZodType] as const,
  ...VAULT_EVENTS.map(({ type, data }) => [type, data as z.ZodType] as const),
];

/** Alone, and in the middle of what several grammars would take up to there. */
const BAD = ['\0', '\ud83d'].flatMap((bad) => [
  bad,
  `a${bad}a`,
  `-----BEGIN CERTIFICATE REQUEST-----\n${bad}`,
  `h:${'a'.repeat(64)}${bad}`,
]);

describe('what services and agents are told', () => {
  it.each([...COMMANDS, ...QUERIES, ...TOLD_BY_AGENTS])(
    'has no NUL and no half of a character in any text that is kept: %s',
    (name, schema) => {
      const loose = [...textsOf(schema)].filter(([, leaf]) => BAD.some((bad) => leaf.safeParse(bad).success));
      expect(loose.map(([at]) => `${name} ${at}`).filter((place) => !NOT_KEPT.has(place))).toEqual([]);
    },
  );

  it('looks at what there is', () => {
    expect(COMMANDS.length).toBeGreaterThan(25);
    expect(QUERIES.map(([name]) => name)).toContain('eventsQuery');
    const comments = COMMANDS.flatMap(([, schema]) => [...textsOf(schema)].map(([at]) => at));
    expect(comments).toEqual(
      expect.arrayContaining(['/comment', '/target/selector', '/content/document/statements/condition']),
    );
  });
});
