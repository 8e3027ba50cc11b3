import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, Figure } from './bench.js';
import { BENCHES } from './benches.js';
import { type Row, rowOf, table, writeReport } from './report.js';

const REPORT = '.keyfleet/bench.json';

const USAGE = `npm run bench [-- name… [--sizes 100000,1000000]]

${BENCHES.map(({ name, about }) => `  ${name.padEnd(14)} ${about}`).join('\n')}

Writes a table and ${REPORT}; a bench that is not run keeps its earlier rows there.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sizes: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
process.exit(await main(positionals, values.sizes));

async function main(names: readonly string[], sizes: string | undefined): Promise<number> {
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`There is no bench "${unknown.join('", "')}".\n\n${USAGE}\n`);
    return 1;
  }
  const rows: Row[] = [];
  const notes: string[] = [];
  let failed = 0;
  for (const bench of BENCHES.filter(({ name }) => names.length === 0 || names.includes(name))) {
    try {
      const figures = await measure(bench, sizes);
      rows.push(...figures.map(rowOf));
      notes.push(...figures.flatMap(({ name, note }) => (note ? [`${name}: ${note}`] : [])));
    } catch (error) {
      failed += 1;
      process.stderr.write(`${bench.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
    process.stdout.write(`\n${table(rows)}\n\n`);
    writeReport(REPORT, merged(rows));
  }
  for (const note of notes) process.stdout.write(`${note}\n`);
  return failed > 0 ? 1 : 0;
}

async function measure(bench: Bench, sizes: string | undefined): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), `keyfleet-bench-${bench.name}-`));
  const started = performance.now();
  const say = (line: string): void => {
    const seconds = String(Math.round((performance.now() - started) / 1_000)).padStart(5);
    process.stdout.write(`${seconds} s  ${bench.name}: ${line}\n`);
  };
  try {
    return await bench.run({ directory, sizes: sizesOf(bench, sizes), say });
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function sizesOf({ sizes = [] }: Bench, asked: string | undefined): readonly number[] {
  if (asked === undefined || sizes.length === 0) return sizes;
  const wanted = asked.split(',').map(Number);
  if (!wanted.every((size) => Number.isInteger(size) && size > 0))
    throw new Error('--sizes takes numbers above 0, separated by commas.');
  return wanted;
}

/** What is there of other benches stays, so that they can be run one by one. */
function merged(rows: readonly Row[]): Row[] {
  const ours = new Set(rows.map(({ name }) => name));
  return [...earlier().filter(({ name }) => !ours.has(name)), ...rows];
}

function earlier(): Row[] {
  try {
    return JSON.parse(readFileSync(REPORT, 'utf8')) as Row[];
  } catch {
    return [];
  }
}
