import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath } from '../process/privileges.js';
import type { FoundServer, Progress } from './found-server.js';

const run = promisify(execFile);

/** Where in a package its program is. */
export interface Program {
  readonly folders: readonly string[];
  readonly file: string;
}

const BIN_FOLDERS = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];

/** Downloads a package and what it needs beyond the installed ones, and unpacks it; nothing is installed, no service starts, no root. */
export async function unpackDebianPackage(
  name: string,
  directory: string,
  onProgress: Progress,
  { folders, file }: Program = { folders: BIN_FOLDERS, file: name },
): Promise<FoundServer> {
  const root = join(directory, 'root');
  if (!existsSync(root)) await unpack(name, directory, onProgress);
  const path = folders.map((folder) => join(root, folder, file)).find((found) => existsSync(found));
  if (!path) throw new Error(`the package ${name} holds no ${file}`);
  return { path, env: { LD_LIBRARY_PATH: libraryFolders(root).join(':') } };
}

async function unpack(name: string, directory: string, onProgress: Progress): Promise<void> {
  const dpkg = tool('dpkg-deb');
  // One folder per process: two starts at once must not meet in apt's files.
  const work = join(directory, `work-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(join(work, folder), { recursive: true });
  try {
    onProgress(`${name} is not installed: unpacking its package`);
    await download(name, work, onProgress);
    for (const file of readdirSync(join(work, 'debs')))
      await run(dpkg, ['-x', join(work, 'debs', file), join(work, 'root')]).catch(explain);
    publish(join(work, 'root'), join(directory, 'root'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Whole at once; another process may have been first, and its copy is as good. */
function publish(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

/** The system's package lists first; where they are missing or old, fresh ones in a private folder. */
async function download(name: string, work: string, onProgress: Progress): Promise<void> {
  try {
    await downloadWith(apt(work, false), name, work);
  } catch {
    onProgress('fetching package lists');
    const privately = apt(work, true);
    await privately(['update', '-qq']);
    await downloadWith(privately, name, work);
  }
}

type Apt = (args: readonly string[], cwd?: string) => Promise<string>;

function apt(work: string, ownLists: boolean): Apt {
  const options = [
    `Dir::Cache=${join(work, 'cache')}`,
    'Debug::NoLocking=1',
    // Our folder may be closed to apt's own user.
    'APT::Sandbox::User=root',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
    ...(ownLists ? [`Dir::State::lists=${join(work, 'lists')}`] : []),
  ].flatMap((option) => ['-o', option]);
  const aptGet = tool('apt-get');
  return async (args, cwd = work) => {
    const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    const { stdout } = await run(aptGet, [...options, ...args], { cwd, env, timeout: 120_000 }).catch(
      explain,
    );
    return stdout;
  };
}

function tool(name: string): string {
  const found = findOnPath(name);
  if (!found) throw new Error(`${name} is not here: not Debian or Ubuntu`);
  return found;
}

/** Both tools put the reason on a line of its own. */
function explain(error: Error & { stderr?: string }): never {
  const reasons = [...(error.stderr ?? '').matchAll(/^(?:E:|dpkg-deb: error:) (.+)$/gm)];
  throw new Error(reasons.at(-1)?.[1] ?? error.message.split('\n')[0]);
}

async function downloadWith(aptGet: Apt, name: string, work: string): Promise<void> {
  const packages = await missingPackages(aptGet, name);
  await aptGet(['download', '-qq', ...packages], join(work, 'debs'));
}

/** What an install would add, according to apt itself. */
async function missingPackages(aptGet: Apt, name: string): Promise<string[]> {
  const plan = await aptGet(['-s', '--no-install-recommends', 'install', name]);
  const added = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => String(match[1]));
  return added.length > 0 ? added : [name];
}

function libraryFolders(root: string): string[] {
  return ['usr/lib', 'lib'].flatMap((folder) => {
    const base = join(root, folder);
    if (!existsSync(base)) return [];
    const triplets = readdirSync(base, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.includes('-linux-'))
      .map((entry) => join(base, entry.name));
    return [...triplets, base];
  });
}
