import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import { toTimestamp } from '@keyfleet/kernel';
import { systemClock } from '@keyfleet/platform';
import { type ApiKey, apiKeyFor, newApiKey } from '../access/api-key.js';
import { type Caller, SELF } from '../access/caller.js';
import { lineOf } from '../audit/trail.js';
import { writePrivateFile } from '../files.js';
import type { Change, VaultStorage } from '../storage/port.js';
import { openSqlite } from '../storage/sqlite/open.js';
import { type CommandLine, TERMINAL } from './terminal.js';

const USAGE = `Usage:
  keys add --principal app:billing [--group payments]… --grant <prefix>:<action,action|*>… --out <file> [--expires <time>]
  keys list
  keys remove --id <id>

The vault is the one in --directory, or in KEYFLEET_AGENT__DIRECTORY. It may be running.
Actions: ${SECRET_ACTIONS.join(', ')}, or * for all. An empty prefix is everything.
`;

const OPTIONS = {
  directory: { type: 'string' },
  principal: { type: 'string' },
  group: { type: 'string', multiple: true },
  grant: { type: 'string', multiple: true },
  expires: { type: 'string' },
  out: { type: 'string' },
  id: { type: 'string' },
} as const;

const OPERATOR: Caller = { ...SELF, principal: 'local:cli' };

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true });
}

/** Makes, lists and removes API keys of the vault on this machine. Resolves to the exit code: 0 done, 1 usage, 5 conflict. */
export async function manageKeys(
  args: readonly string[],
  { env, out, err }: CommandLine = TERMINAL,
): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const directory = values.directory ?? env['KEYFLEET_AGENT__DIRECTORY'];
    const [action] = positionals;
    if (!directory || !existsSync(join(directory, 'vault.db')) || positionals.length !== 1) {
      err(directory && action ? `There is no vault in ${directory}.\n\n${USAGE}` : USAGE);
      return 1;
    }
    const { storage } = openSqlite(join(directory, 'vault.db'), systemClock);
    try {
      return await run(action, { values, storage, out, err });
    } finally {
      await storage.close();
    }
  } catch (error) {
    err(`${explain(error)}\n\n${USAGE}`);
    return 1;
  }
}

interface Context {
  readonly values: Values;
  readonly storage: VaultStorage;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

async function run(action: string | undefined, context: Context): Promise<number> {
  if (action === 'add') return add(context);
  if (action === 'remove') return remove(context);
  if (action !== 'list') throw new Error(`There is no command "keys ${action}".`);
  for (const key of await context.storage.listApiKeys()) context.out(`${describe(key)}\n`);
  return 0;
}

async function add({ values, storage, out }: Context): Promise<number> {
  const { principal, group = [], grant = [], expires, out: file } = values;
  if (!principal || !file || grant.length === 0)
    throw new Error('--principal, --grant and --out are needed.');
  const key = newApiKey();
  const holder = { principal, groups: group, grants: grant.map(toGrant), expiresAt: expires ?? null };
  const record = apiKeyFor(key, holder, toTimestamp(systemClock.now()));
  // The file first, and only if there is none: a key nobody can read is of no use, and one overwritten is lost.
  if (existsSync(file)) throw new Error(`${file} exists already.`);
  writePrivateFile(file, `${key}\n`);
  await onRecord(storage, { apiKeys: [{ kind: 'add', key: record }] });
  out(`${describe(record)}\n`);
  return 0;
}

async function remove({ values, storage, err }: Context): Promise<number> {
  const { id } = values;
  if (!id) throw new Error('--id is needed; see "keys list".');
  if (!(await storage.listApiKeys()).some((key) => key.id === id)) {
    err(`There is no key ${id}.\n`);
    return 5;
  }
  await onRecord(storage, { apiKeys: [{ kind: 'remove', id }] });
  return 0;
}

function toGrant(text: string): { prefix: string; actions: string[] } {
  const colon = text.lastIndexOf(':');
  const actions = text.slice(colon + 1).split(',');
  const known: readonly string[] = [...SECRET_ACTIONS, '*'];
  const unknown = actions.find((action) => !known.includes(action));
  if (colon < 0 || unknown !== undefined)
    throw new Error(`"${text}" is no grant such as team/app:read,list.`);
  return { prefix: text.slice(0, colon).replace(/\/$/, ''), actions };
}

function describe({ id, principal, groups, grants, expiresAt }: ApiKey): string {
  const rights = grants.map(({ prefix, actions }) => `${prefix}:${actions.join(',')}`).join(' ');
  return [id, principal, groups.join(',') || '-', rights, expiresAt ?? 'never'].join('\t');
}

async function onRecord(storage: VaultStorage, change: Change): Promise<void> {
  const result = { outcome: 'allowed', code: null, version: null } as const;
  const line = lineOf(
    { caller: OPERATOR, action: 'keys', path: null },
    result,
    toTimestamp(systemClock.now()),
  );
  await storage.apply({ ...change, audit: [line] });
}

function explain(error: unknown): string {
  if (error instanceof Error && 'issues' in error)
    return 'Principal, groups, grants or time do not fit their form.';
  return error instanceof Error ? error.message : 'That did not work.';
}
