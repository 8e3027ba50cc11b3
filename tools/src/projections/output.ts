export type Format = 'table' | 'json';
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** Data goes to stdout, in the shape asked for; everything that is said about it to stderr. */
export function printRows(rows: readonly Row[], columns: readonly string[], format: Format): void {
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  if (rows.length === 0) return;
  const cells = [
    columns.map((name) => name.toUpperCase()),
    ...rows.map((row) => columns.map((name) => String(row[name] ?? '-'))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => (line[index] ?? '').length)));
  for (const line of cells)
    process.stdout.write(
      `${line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
