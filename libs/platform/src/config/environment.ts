import { readFileSync } from 'node:fs';
import { ENV_PREFIX, type Setting } from './schema.js';
import { didYouMean } from './suggest.js';
import { type ConfigProblem, type Found, fromText } from './values.js';

interface Source {
  readonly found: Found[];
  readonly problems: ConfigProblem[];
}

/** Names with our prefix that are no settings of any service. */
const RESERVED = /^KEYFLEET_(CONFIG|FAILPOINTS|TEST_.*|TIME_.*)$/;
/** What Kubernetes puts into every pod for a service whose name begins with ours. */
const SERVICE_LINK = /^KEYFLEET_(?!.*__)\w+?_(SERVICE_HOST|SERVICE_PORT\w*|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$/;

/** `KEYFLEET_A__B`, or `KEYFLEET_A__B_FILE` that names a file with the value. */
export function fromEnvironment(env: NodeJS.ProcessEnv, settings: readonly Setting[]): Source {
  const source: Source = { found: [], problems: [] };
  const byName = new Map(settings.map((setting) => [setting.env, setting]));
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || text === undefined || RESERVED.test(name)) continue;
    readVariable({ name, text, env, byName }, source);
  }
  return source;
}

interface Variable {
  readonly name: string;
  readonly text: string;
  readonly env: NodeJS.ProcessEnv;
  readonly byName: ReadonlyMap<string, Setting>;
}

function readVariable({ name, text, env, byName }: Variable, source: Source): void {
  const origin = { kind: 'env', name } as const;
  const setting = byName.get(name);
  if (setting) {
    source.found.push({ path: setting.path, value: fromText(text, setting.schema), origin });
    return;
  }
  const viaFile = name.endsWith('_FILE') ? byName.get(name.slice(0, -'_FILE'.length)) : undefined;
  if (!viaFile) {
    if (SERVICE_LINK.test(name)) return;
    const message = `There is no such setting.${didYouMean(name, [...byName.keys()])}`;
    source.problems.push({ path: name, message, origin });
  } else if (env[viaFile.env] !== undefined) {
    source.problems.push({ path: viaFile.path, message: `${viaFile.env} is set as well; give one.`, origin });
  } else {
    readFromFile(viaFile, text, name, source);
  }
}

function readFromFile(setting: Setting, file: string, name: string, source: Source): void {
  const origin = { kind: 'env', name } as const;
  try {
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    source.found.push({ path: setting.path, value: fromText(text, setting.schema), origin });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    source.problems.push({
      path: setting.path,
      message: `The file it names cannot be read (${reason}).`,
      origin,
    });
  }
}
