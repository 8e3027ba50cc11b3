import type { Constancy, Slope } from './judge.js';

export interface ProcessReport {
  readonly name: string;
  readonly samples: number;
  readonly live: Slope;
  readonly rss: Slope;
  /** Part of RSS; shown, and not judged by itself. */
  readonly anonymous: Slope;
  readonly descriptors: Constancy;
  readonly timers: Constancy;
  readonly sockets: Constancy;
}

export interface ServerReport extends Constancy {
  readonly name: string;
}

const HEAD = [
  'process',
  'live MiB',
  '%/h',
  'within',
  '',
  'RSS MiB',
  '%/h',
  'within',
  '',
  'of it no files',
  '%/h',
  'within',
  '',
  'fds',
  'timers',
  'sockets',
];

export function tableOf(processes: readonly ProcessReport[], servers: readonly ServerReport[]): string[] {
  const rows = [HEAD, ...processes.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return [
    ...rows.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...servers.map((server) => `${server.name}: ${countOf(server)}`),
  ];
}

function rowOf({ name, live, rss, anonymous, descriptors, timers, sockets }: ProcessReport): string[] {
  return [
    name,
    ...slopeCells(live),
    ...slopeCells(rss),
    ...slopeCells(anonymous),
    countOf(descriptors),
    countOf(timers),
    countOf(sockets),
  ];
}

function slopeCells({ median, perHour, from, to, verdict }: Slope): string[] {
  const mebibytes = (median / 1024 / 1024).toFixed(1);
  return [mebibytes, perHour.toFixed(2), `${from.toFixed(1)}…${to.toFixed(1)}`, verdict];
}

/** The most of the first half and of the second. */
function countOf({ earlier, later, constant }: Constancy): string {
  return `${earlier}→${later}${constant ? '' : ' GROWS'}`;
}
