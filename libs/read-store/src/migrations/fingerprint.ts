import { createHash } from 'node:crypto';
import type { Sql } from '@keyfleet/postgres';

/**
 * SHA-256 over what a migration says to the database. A function is asked what it would say, against a database that
 * answers nothing: it must say the same whatever it is answered. White space does not count.
 */
export async function fingerprint(up: string | ((sql: Sql) => Promise<unknown>)): Promise<string> {
  const statements = typeof up === 'string' ? [up] : await statementsOf(up);
  const hash = createHash('sha256');
  for (const statement of statements) hash.update(statement.replace(/\s+/g, ' ').trim()).update('\0');
  return hash.digest('hex');
}

async function statementsOf(up: (sql: Sql) => Promise<unknown>): Promise<string[]> {
  const said: string[] = [];
  const sql = (first: unknown, ...values: unknown[]): unknown =>
    isTemplate(first) ? new Saying(render(first, values), said) : new Fragment(String(first));
  const unsafe = (text: string, parameters: readonly unknown[] = []): Saying =>
    new Saying(
      `${text} ${JSON.stringify(parameters, (_key, value) => (typeof value === 'bigint' ? String(value) : value))}`,
      said,
    );
  const json = (value: unknown): unknown => value;
  await up(Object.assign(sql, { unsafe, json, array: json }) as unknown as Sql);
  return said;
}

function isTemplate(value: unknown): value is TemplateStringsArray {
  return Array.isArray(value) && 'raw' in value;
}

function render(strings: TemplateStringsArray, values: readonly unknown[]): string {
  return strings.reduce((text, part, index) => {
    const value = values[index - 1];
    return `${text}${value instanceof Fragment ? value.text : JSON.stringify(String(value))}${part}`;
  });
}

/** An identifier, or a piece of a statement that may stand in another. */
class Fragment {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A statement is said when it is awaited. */
class Saying extends Fragment {
  readonly #said: string[];

  constructor(text: string, said: string[]) {
    super(text);
    this.#said = said;
  }

  simple(): this {
    return this;
  }

  then<T>(answered: (rows: readonly unknown[]) => T): Promise<T> {
    this.#said.push(this.text);
    return Promise.resolve([]).then(answered);
  }
}
