import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Figure } from './bench.js';
import { describe, isMet, targetOf } from './targets.js';

/** As it stands in `.keyfleet/bench.json`. */
export interface Row {
  readonly name: string;
  readonly figure: number;
  readonly unit: string;
  readonly anchor: string | null;
  readonly anchorFigure: number | null;
  readonly ratio: number | null;
  readonly target: string | null;
  readonly met: boolean | null;
}

export function rowOf({ name, figure, unit, anchor }: Figure): Row {
  const ratio = anchor ? rounded(figure / anchor.figure) : null;
  const target = targetOf(name);
  return {
    name,
    figure: rounded(figure),
    unit,
    anchor: anchor?.name ?? null,
    anchorFigure: anchor ? rounded(anchor.figure) : null,
    ratio,
    target: target ? describe(target, unit) : null,
    met: target ? isMet(target, { figure, ratio }) : null,
  };
}

/** Three digits say what there is to say. */
function rounded(value: number): number {
  if (!Number.isFinite(value)) return value;
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

const HEAD = ['bench', 'figure', 'unit', 'anchor', 'its figure', 'ratio', 'target', 'met'];

export function table(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const right = new Set([1, 4, 5]);
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return cells.map(line).join('\n');
}

function cellsOf(row: Row): string[] {
  const text = (value: number | string | null): string =>
    value === null ? '' : typeof value === 'number' ? value.toLocaleString('en') : value;
  const met = row.met === null ? '' : row.met ? 'yes' : 'NO';
  return [
    row.name,
    text(row.figure),
    row.unit,
    text(row.anchor),
    text(row.anchorFigure),
    text(row.ratio),
    text(row.target),
    met,
  ];
}

export function writeReport(file: string, rows: readonly Row[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
}
