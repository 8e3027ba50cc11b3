import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { shapesOf } from './schema.js';
import { didYouMean } from './suggest.js';
import type { ConfigProblem, Found } from './values.js';

interface Source {
  readonly found: Found[];
  readonly problems: ConfigProblem[];
}

/** A YAML file whose maps are the schema's objects. Every value keeps its line. */
export function fromFile(file: string, schema: z.ZodType): Source {
  const source: Source = { found: [], problems: [] };
  const lines = new LineCounter();
  const text = readText(file, source);
  if (text === undefined) return source;
  // Pretty errors would quote the line, and the line may hold a secret.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number | undefined): number => lines.linePos(offset ?? 0).line;
  for (const error of document.errors) {
    const origin = { kind: 'file', file, line: lineAt(error.pos[0]) } as const;
    source.problems.push({ path: file, message: `This is not valid YAML (${error.code}).`, origin });
  }
  if (source.problems.length === 0 && document.contents)
    new Walk(file, lineAt, source).visit(document.contents as Node, schema, []);
  return source;
}

function readText(file: string, source: Source): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const message = `The file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unreadable'}).`;
    source.problems.push({ path: file, message, origin: { kind: 'file', file, line: 0 } });
    return undefined;
  }
}

class Walk {
  readonly #file: string;
  readonly #lineAt: (offset: number | undefined) => number;
  readonly #source: Source;

  constructor(file: string, lineAt: (offset: number | undefined) => number, source: Source) {
    this.#file = file;
    this.#lineAt = lineAt;
    this.#source = source;
  }

  visit(node: Node, schema: z.ZodType, path: readonly string[]): void {
    const shapes = shapesOf(schema);
    const origin = { kind: 'file', file: this.#file, line: this.#lineAt(node.range?.[0]) } as const;
    if (shapes.length === 0) {
      this.#source.found.push({ path: path.join('.'), value: node.toJSON(), origin });
    } else if (isMap(node)) {
      for (const pair of node.items) this.#visitKey(pair as { key: Node; value: Node | null }, shapes, path);
    } else if (!(isScalar(node) && node.value === null)) {
      this.#source.problems.push({
        path: path.join('.'),
        message: 'A section with settings belongs here.',
        origin,
      });
    }
  }

  #visitKey(
    pair: { key: Node; value: Node | null },
    shapes: readonly Record<string, z.ZodType>[],
    path: readonly string[],
  ): void {
    const key = String(pair.key.toJSON());
    const candidates = shapes.map((shape) => shape[key]).filter((schema) => schema !== undefined);
    const first = candidates[0];
    if (first) {
      if (pair.value) this.visit(pair.value, first, [...path, key]);
      return;
    }
    const known = shapes.flatMap((shape) => Object.keys(shape));
    this.#source.problems.push({
      path: [...path, key].join('.'),
      message: `There is no such setting.${didYouMean(key, known)}`,
      origin: { kind: 'file', file: this.#file, line: this.#lineAt(pair.key.range?.[0]) },
    });
  }
}
