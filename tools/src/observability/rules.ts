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

/** `_bucket`, `_sum` and `_count` belong to the histogram. */
export function familyOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}
