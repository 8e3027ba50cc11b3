import type { Setting } from './schema.js';
import { typeOf, unwrap } from './schema.js';
import { didYouMean } from './suggest.js';
import { type ConfigProblem, type Found, fromText } from './values.js';

interface Source {
  readonly found: Found[];
  readonly problems: ConfigProblem[];
  /** `--config <file>` */
  file?: string;
}

/** `--http.port 8080`, `--http.port=8080`, `--feature.on`, `--no-feature.on`. */
export function fromFlags(argv: readonly string[], settings: readonly Setting[]): Source {
  const source: Source = { found: [], problems: [] };
  const byFlag = new Map(
    settings.flatMap((setting) => [setting.flag, `--${setting.path}`].map((f) => [f, setting])),
  );
  const rest = [...argv];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [name = '', inline] = splitOnce(argument);
    const take = (): string | undefined => inline ?? (isValue(rest[0]) ? rest.shift() : undefined);
    if (name === '--config') source.file = take();
    else readFlag({ name, take, byFlag }, source);
  }
  return source;
}

interface Flag {
  readonly name: string;
  readonly take: () => string | undefined;
  readonly byFlag: ReadonlyMap<string, Setting>;
}

function readFlag({ name, take, byFlag }: Flag, source: Source): void {
  const origin = { kind: 'flag', name } as const;
  const negated = byFlag.get(name.replace(/^--no-/, '--'));
  const setting = byFlag.get(name) ?? (negated && isSwitch(negated) ? negated : undefined);
  if (!setting) {
    const message = `There is no such flag.${didYouMean(name, [...byFlag.keys()])}`;
    source.problems.push({ path: name, message, origin });
  } else if (setting.classification === 'secret') {
    const message = `Secrets do not belong on a command line, where everybody reads them; use ${setting.env}_FILE.`;
    source.problems.push({ path: setting.path, message, origin });
  } else {
    const text = byFlag.has(name) ? switchOr(setting, take) : 'false';
    if (text === undefined)
      source.problems.push({ path: setting.path, message: 'The flag needs a value.', origin });
    else source.found.push({ path: setting.path, value: fromText(text, setting.schema), origin });
  }
}

/** A switch takes no following word, so that `--on next` cannot be misread. */
function switchOr(setting: Setting, take: () => string | undefined): string | undefined {
  return isSwitch(setting) ? 'true' : take();
}

function isSwitch(setting: Setting): boolean {
  return typeOf(unwrap(setting.schema)) === 'boolean';
}

function isValue(next: string | undefined): boolean {
  return next !== undefined && !next.startsWith('--');
}

function splitOnce(argument: string): [string, string | undefined] {
  const at = argument.indexOf('=');
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
