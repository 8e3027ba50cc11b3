import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Described {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

export interface Documented extends Described {
  /** Names of the processes that show it. */
  readonly from: readonly string[];
}

const PAGE = 'docs/guide/metrics.md';

/** What a page of `/metrics` says it holds. */
export function describedBy(text: string): Described[] {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  return [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => ({
    name,
    type: types.get(name) ?? 'untyped',
    help,
  }));
}

/** The page that lists them all, made from what running processes show. */
export function metricsPage(shown: ReadonlyMap<string, readonly Described[]>): string {
  const all = new Map<string, Documented>();
  for (const [process, metrics] of shown)
    for (const metric of metrics) {
      const from = [...(all.get(metric.name)?.from ?? []), process];
      all.set(metric.name, { ...metric, from: [...new Set(from)].sort() });
    }
  const rows = [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const runtime = (name: string) => /^keyfleet_(process|nodejs)_/.test(name);
  return [
    HEAD,
    '## Of Keyfleet\n',
    table(rows.filter(({ name }) => !runtime(name))),
    '\n## Of the process and its runtime\n',
    table(rows.filter(({ name }) => runtime(name))),
    TAIL,
  ].join('\n');
}

function table(rows: readonly Documented[]): string {
  const lines = rows.map(
    ({ name, type, help, from }) => `| \`${name}\` | ${type} | ${help} | ${from.join(', ')} |`,
  );
  return ['| Metric | Type | What it is | Shown by |', '|---|---|---|---|', ...lines].join('\n');
}

/** What the page says there is. */
export function documentedMetrics(root = process.cwd()): Documented[] {
  const text = readFileSync(join(root, PAGE), 'utf8');
  return [...text.matchAll(/^\| `(keyfleet\w+)` \| (\w+) \| (.*) \| (.*) \|$/gm)].map(
    ([, name = '', type = '', help = '', from = '']) => ({ name, type, help, from: from.split(', ') }),
  );
}

const HEAD = `# Metrics

Every service and every agent shows these at \`/metrics\` of its operations port, in the text format of Prometheus. Names
begin with \`keyfleet_\`, carry base units and never change their meaning within a version. Labels are few and of closed
lists: a route template, a projection, a reason. **No metric names an agent, an organisation, a person, a secret or a
path**, so the number of series does not grow with the fleet.

This page is made from what running processes show, and compared with it by the tests; how to connect Prometheus, and what
to look at first, is in [observability.md](observability.md).
`;

const TAIL = `
## Of the backup command

\`npm run keyfleet -- backup\` leaves these in \`.keyfleet/metrics/backup.prom\`, for the textfile collector of node_exporter.

| Metric | Type | What it is | Shown by |
|---|---|---|---|
| \`keyfleet_backup_last_success_timestamp_seconds\` | gauge | When the last backup that was written and closed was taken, in seconds since 1970. | backup |
| \`keyfleet_backup_size_bytes\` | gauge | Size of that backup. | backup |
`;
