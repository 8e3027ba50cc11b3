import type { z } from 'zod';
import { readFailpoints } from '../failpoint.js';
import { fromEnvironment } from './environment.js';
import { fromFile } from './file.js';
import { fromFlags } from './flags.js';
import { emptySections, type Setting, settingsOf } from './schema.js';
import { type ConfigProblem, describeOrigin, type Found, type Origin } from './values.js';

export interface ConfigSources {
  /** Default: this process's arguments. */
  readonly argv?: readonly string[];
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** A YAML file; `--config` and KEYFLEET_CONFIG come before it. */
  readonly file?: string;
}

export interface LoadedConfig<T> {
  readonly value: T;
  /** Where each setting's value came from, by path such as `database.storeUrl`. */
  readonly origins: Readonly<Record<string, Origin>>;
}

/** Lists everything that is wrong at once, each with its path and origin and never with its value. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(
      ({ path, message, origin }) => `  ${path} (${describeOrigin(origin)}): ${message}`,
    );
    super(`The configuration is not usable:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * One schema per process; a value is taken from the flag, else the environment (`KEYFLEET_…`, nested with `__`, or its
 * `_FILE` variant), else the YAML file, else the schema's default. Unknown keys are errors.
 */
export function loadConfig<S extends z.ZodType>(
  schema: S,
  sources: ConfigSources = {},
): LoadedConfig<z.infer<S>> {
  const env = sources.env ?? process.env;
  readFailpoints(env);
  const settings = settingsOf(schema);
  const flags = fromFlags(sources.argv ?? process.argv.slice(2), settings);
  const file = flags.file ?? env.KEYFLEET_CONFIG ?? sources.file;
  const inOrder = [file ? fromFile(file, schema) : NOTHING, fromEnvironment(env, settings), flags];
  const problems = inOrder.flatMap((source) => source.problems);
  const chosen = new Map(inOrder.flatMap((source) => source.found).map((found) => [found.path, found]));
  const parsed = schema.safeParse(assemble([...chosen.values()], schema));
  if (!parsed.success)
    problems.push(...parsed.error.issues.map((issue) => toProblem(issue, chosen, settings)));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { value: parsed.data, origins: originsOf(settings, chosen) };
}

const NOTHING: { found: Found[]; problems: ConfigProblem[] } = { found: [], problems: [] };

/** Sections that must be there stand even when nothing is set in them, so that their settings' defaults hold. */
function assemble(found: readonly Found[], schema: z.ZodType): Record<string, unknown> {
  const root = emptySections(schema) ?? {};
  for (const { path, value } of found) sectionFor(root, path)[lastOf(path)] = value;
  return root;
}

function sectionFor(root: Record<string, unknown>, path: string): Record<string, unknown> {
  let section = root;
  for (const part of path.split('.').slice(0, -1)) {
    section[part] ??= {};
    section = section[part] as Record<string, unknown>;
  }
  return section;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function toProblem(
  issue: z.core.$ZodIssue,
  chosen: ReadonlyMap<string, Found>,
  settings: readonly Setting[],
): ConfigProblem {
  const path = issue.path.map(String).join('.');
  const found = [...chosen.values()].find((one) => path === one.path || path.startsWith(`${one.path}.`));
  const setting = settings.find((one) => one.path === path);
  const missing = !found && setting ? ` Set ${setting.env}, or "${path}" in the file.` : '';
  return {
    path: path || '(all)',
    message: `${issue.message}.${missing}`,
    origin: found?.origin ?? { kind: 'default' },
  };
}

function originsOf(settings: readonly Setting[], chosen: ReadonlyMap<string, Found>): Record<string, Origin> {
  return Object.fromEntries(
    settings.map(({ path }) => [path, chosen.get(path)?.origin ?? ({ kind: 'default' } as const)]),
  );
}
