import type { PolicyStatement } from '@keyfleet/contracts';
import { parseDocument, stringify } from 'yaml';

export type TextForm = 'yaml' | 'json';

/** A statement on its way: of the right shape, whether or not it may be saved as it is. */
export interface StatementDraft {
  readonly id: string;
  readonly effect: string;
  readonly principals: readonly string[];
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition?: string | undefined;
}

const KEYS = ['id', 'effect', 'principals', 'actions', 'resources', 'condition'] as const;

/** JSON begins with a brace; everything else is taken as YAML, as the service does. */
export function formOf(text: string): TextForm {
  return text.trimStart().startsWith('{') ? 'json' : 'yaml';
}

/** As the service prints a document: keys in the order of the schema, long conditions on lines of their own. */
export function printStatements(
  statements: readonly (StatementDraft | PolicyStatement)[],
  form: TextForm,
): string {
  const document = { statements: statements.map(inOrder) };
  return form === 'json' ? `${JSON.stringify(document, null, 2)}\n` : stringify(document, { lineWidth: 0 });
}

function inOrder(statement: StatementDraft): Record<string, unknown> {
  const known = KEYS.filter((key) => statement[key] !== undefined && statement[key] !== '');
  return Object.fromEntries(known.map((key) => [key, statement[key]]));
}

/**
 * The statements of a text, null where it says anything that a form could not show and give back: then the text has to
 * be mended first. Values may be wrong; names and kinds of fields may not.
 */
export function readStatements(text: string): readonly StatementDraft[] | null {
  const value = parsed(text);
  if (!isRecord(value) || Object.keys(value).some((key) => key !== 'statements')) return null;
  const { statements } = value;
  if (!Array.isArray(statements)) return null;
  const read = statements.map(statementOf);
  return read.every((one) => one !== null) ? read : null;
}

function parsed(text: string): unknown {
  const document = parseDocument(text);
  if (document.errors.length > 0) return null;
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch {
    return null;
  }
}

const KINDS: Readonly<
  Record<string, { readonly fits: (value: unknown) => boolean; readonly missing: unknown }>
> = {
  id: { fits: isText, missing: '' },
  effect: { fits: isText, missing: 'allow' },
  principals: { fits: isTexts, missing: [] },
  actions: { fits: isTexts, missing: [] },
  resources: { fits: isTexts, missing: [] },
};

function statementOf(value: unknown): StatementDraft | null {
  if (!isRecord(value) || Object.keys(value).some((key) => !(KEYS as readonly string[]).includes(key)))
    return null;
  const entries = Object.entries(KINDS).map(([key, kind]) => [key, value[key] ?? kind.missing] as const);
  if (!entries.every(([key, one]) => KINDS[key]?.fits(one))) return null;
  const bare = Object.fromEntries(entries) as unknown as StatementDraft;
  const { condition } = value;
  if (condition === undefined) return bare;
  return isText(condition) ? { ...bare, condition } : null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

/** A name no other statement has. */
export function freshId(statements: readonly StatementDraft[], base = 'statement'): string {
  const taken = new Set(statements.map(({ id }) => id));
  for (let count = statements.length + 1; ; count++) {
    const id = `${base}-${count}`;
    if (!taken.has(id)) return id;
  }
}

/** Where a line and column, both from 1, are in a text. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return Math.min(before + column - 1, text.length);
}

/** The statement a problem's pointer leads to, and the field of it; undefined where it is about the whole. */
export function placeOf(pointer: string): { readonly index: number; readonly field: string } | undefined {
  const match = /^\/statements\/(\d+)(?:\/([^/]+))?/.exec(pointer);
  return match ? { index: Number(match[1]), field: match[2] ?? '' } : undefined;
}
