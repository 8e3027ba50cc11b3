import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rowOf, table, writeReport } from './report.js';
import { inTurns, median, perSecond, quantile } from './rounds.js';
import { TARGETS, targetOf } from './targets.js';

const anchored = (name: string, figure: number, of: number) =>
  rowOf({ name, figure, unit: 'events/s', anchor: { name: 'COPY', figure: of } });

describe('the report of a bench', () => {
  it('has every field, and null where there is no anchor or no target', () => {
    expect(anchored('append-batch@100000', 65_000, 100_000)).toEqual({
      name: 'append-batch@100000',
      figure: 65_000,
      unit: 'events/s',
      anchor: 'COPY',
      anchorFigure: 100_000,
      ratio: 0.65,
      target: '>= 0.65 x',
      met: true,
    });
    expect(rowOf({ name: 'something-else', figure: 12.345, unit: 'ms' })).toEqual({
      name: 'something-else',
      figure: 12.3,
      unit: 'ms',
      anchor: null,
      anchorFigure: null,
      ratio: null,
      target: null,
      met: null,
    });
  });

  it.each([
    [anchored('append-batch@1000000', 64_000, 100_000).met, false],
    [anchored('append@100000', 9_990, 1_000).met, false],
    [anchored('append@100000', 10_000, 1_000).met, true],
    [rowOf({ name: 'gateway-p95', figure: 100.1, unit: 'ms' }).met, false],
    [rowOf({ name: 'gateway-p95', figure: 99, unit: 'ms' }).met, true],
    [rowOf({ name: 'rebuild@100000', figure: 19_999, unit: 'events/s' }).met, false],
    // A target about a ratio is not met by a figure without an anchor.
    [rowOf({ name: 'ingest@100000', figure: 1e9, unit: 'events/s' }).met, false],
  ])('says whether a target is met, by the figure as it was measured', (met, expected) => {
    expect(met).toBe(expected);
  });

  it('is a table a person can read and a file a script can', () => {
    const rows = [
      anchored('ingest@100000', 35_000, 100_000),
      rowOf({ name: 'start-first', figure: 130, unit: 's' }),
    ];
    expect(table(rows).split('\n')).toEqual([
      'bench          figure  unit      anchor  its figure  ratio  target     met',
      'ingest@100000  35,000  events/s  COPY       100,000   0.35  >= 0.35 x  yes',
      'start-first       130  s                                    <= 120 s   NO',
    ]);
    const file = join(mkdtempSync(join(tmpdir(), 'keyfleet-report-')), 'deep', 'bench.json');
    writeReport(file, rows);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(rows);
  });

  it('knows a target at every size of its bench', () => {
    expect(targetOf('append@1000000')).toBe(TARGETS.append);
    expect(targetOf('append-beside-message-db@100000')).toBeUndefined();
    for (const { atLeast, atMost } of Object.values(TARGETS)) expect((atLeast ?? atMost ?? 0) > 0).toBe(true);
  });
});

describe('what is measured', () => {
  it('is the value in the middle, of turns that alternate, the first of each left out', async () => {
    const turns: string[] = [];
    let subject = 1_000;
    const result = await inTurns(
      3,
      async () => (turns.push('subject'), (subject /= 2)),
      async () => (turns.push('anchor'), 7),
    );
    expect(result).toEqual({ figure: 125, anchorFigure: 7 });
    expect(turns.join(' ')).toBe(Array.from({ length: 4 }, () => 'subject anchor').join(' '));
  });

  it('counts what all workers did', async () => {
    let done = 0;
    const speed = await perSecond({ workers: 3, ms: 20, each: 10 }, async () => {
      done += 10;
      await new Promise((resolve) => setImmediate(resolve));
    });
    expect(done).toBeGreaterThan(0);
    expect(speed).toBeGreaterThan(0);
  });

  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
  ])('has a median of %p', (values, expected) => expect(median(values)).toBe(expected));

  it('has quantiles', () => {
    const values = Array.from({ length: 100 }, (_, n) => 99 - n);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([50, 99, 99]);
  });
});
