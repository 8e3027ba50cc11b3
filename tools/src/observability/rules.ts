import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const RULES = 'deploy/prometheus/rules';

export interface Rule {
  /** Name of the file it stands in. */
  readonly file: string;
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/** All recorded series and alerts as they are deployed. */
export function readRules(root = process.cwd()): Rule[] {
  const folder = join(root, RULES);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yml'))
    .flatMap((file) => {
      const { groups } = parse(readFileSync(join(folder, file), 'utf8')) as RuleFile;
      return groups.flatMap(({ rules }) => rules.map((rule) => ({ ...rule, file })));
    });
}

export interface Alert extends Rule {
  readonly alert: string;
}

export function alertsOf(rules: readonly Rule[]): Alert[] {
  return rules.filter((rule): rule is Alert => rule.alert !== undefined);
}

const METRIC = /\bkeyfleet[a-z0-9_:]*/g;

/** Metrics and recorded series a query names; a histogram by its own name. */
export function metricsIn(query: string): string[] {
  const bare = query.replaceAll(/"[^"]*"/g, '""');
  return [...new Set([...bare.matchAll(METRIC)].map(([name]) => name))];
}

/** What a query asks the growth of. */
export interface Counted {
  /** Name of the series, of a histogram with `_bucket` or `_count`. */
  readonly series: string;
  /** Whether a series with these labels is meant. */
  fits(labels: Readonly<Record<string, string>>): boolean;
}

const GROWTH = /\b(?:increase|rate)\((\w+)(?:\{([^}]*)\})?\[/g;

/** Where such a series begins with its first event, that event is missed: nothing was added to what was not there. */
export function countedIn(query: string): Counted[] {
  return [...query.matchAll(GROWTH)].map(([, series = '', wanted = '']) => {
    const conditions = [...wanted.matchAll(/(\w+)(=~|!~|=|!=)"([^"]*)"/g)].map(
      ([, label = '', how = '', value = '']) => {
        const pattern = how.includes('~') ? new RegExp(`^(?:${value})$`) : undefined;
        return (labels: Readonly<Record<string, string>>) => {
          const found = labels[label] ?? '';
          return (pattern ? pattern.test(found) : found === value) !== how.startsWith('!');
        };
      },
    );
    return { series, fits: (labels) => conditions.every((holds) => holds(labels)) };
  });
}

/** Labels of each series of this name on a page of `/metrics`. */
export function seriesOf(page: string, name: string): Record<string, string>[] {
  const lines = page.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? \\S+$`, 'gm'));
  return [...lines].map(([, labels = '']) =>
    Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
    ),
  );
}

/** `_bucket`, `_sum` and `_count` belong to the histogram. */
export function familyOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}
