import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import postgres from 'postgres';
import { type Exit, type ManagedProcess, startManaged } from '../process/managed.js';
import { freePort } from '../process/ports.js';
import { type Privileges, unprivileged } from '../process/privileges.js';
import { secretFile } from '../process/secret-file.js';
import { type PostgresBinaries, postgresBinaries } from './binaries.js';

export interface PostgresOptions {
  /** Holds data/, the superuser's password (0600) and the log; made if missing, found again later. */
  readonly directory: string;
  /** Preferred, not promised: a free one is taken where it is in use. */
  readonly port?: number;
  /** Server parameters, for example `{ fsync: 'off' }` for tests whose data may be lost. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: those of the npm package. */
  readonly binaries?: PostgresBinaries;
}

export interface PostgresServer {
  /** The superuser's URL to the maintenance database. It carries the password: never log it. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly dataDirectory: string;
  readonly exited: Promise<Exit>;
  superuserUrl(database: string): string;
  /** `fast` (the default) ends sessions and writes a checkpoint; `immediate` is a crash with recovery at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** kill -9 of the server and all its processes. */
  kill(): Promise<void>;
}

const SUPERUSER = 'postgres';
const HOST = '127.0.0.1';

/** Starts a private PostgreSQL on loopback and resolves once it answers queries. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  const data = join(directory, 'data');
  const { bin, root } = options.binaries ?? postgresBinaries();
  const privileges = unprivileged([data, join(root, 'bin', 'postgres')]);
  const password = secretFile(join(directory, 'superuser-password'));
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise({ bin, data, directory, password, privileges });
  return launch({ ...options, directory }, { bin, data, password, privileges });
}

interface Prepared {
  readonly bin: string;
  readonly data: string;
  readonly password: string;
  readonly privileges: Privileges | undefined;
}

async function initialise(prepared: Prepared & { directory: string }): Promise<void> {
  const { bin, data, directory, password, privileges } = prepared;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const passwordFile = join(directory, 'initdb-password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (privileges) for (const path of [data, passwordFile]) chownSync(path, privileges.uid, privileges.gid);
  const logFile = join(directory, 'initdb.log');
  const initdb = await startManaged({
    name: 'initdb',
    command: join(bin, 'initdb'),
    args: [
      ...['-D', data, '-U', SUPERUSER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ...['--encoding=UTF8', '--locale=C', '--no-instructions'],
    ],
    cwd: data,
    env: serverEnv(),
    logFile,
    endWithUs: 'SIGKILL',
    privileges,
  });
  const { code } = await initdb.exited;
  rmSync(passwordFile, { force: true });
  if (code !== 0) {
    rmSync(data, { recursive: true, force: true });
    throw new Error(`PostgreSQL could not create its data directory.\n${initdb.logTail()}`);
  }
}

async function launch(options: PostgresOptions, prepared: Prepared): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? options.port : undefined);
    try {
      return await launchAt(port, options, prepared);
    } catch (error) {
      // Somebody may take the port between our look and the server's bind.
      if (attempt === 3 || !/Address already in use/.test(String(error))) throw error;
    }
  }
}

async function launchAt(port: number, options: PostgresOptions, prepared: Prepared): Promise<PostgresServer> {
  const { bin, data, password, privileges } = prepared;
  const superuserUrl = (database: string): string =>
    `postgres://${SUPERUSER}:${password}@${HOST}:${port}/${database}`;
  const managed = await startManaged({
    name: 'PostgreSQL',
    command: join(bin, 'postgres'),
    args: ['-D', data, ...settingArguments(port, options.settings)],
    cwd: data,
    env: serverEnv(),
    logFile: join(options.directory, 'postgres.log'),
    ready: async (child) => isReady(data, child.pid) && answers(superuserUrl('postgres')),
    readyTimeoutMs: 120_000,
    endWithUs: 'SIGINT',
    stopSignal: 'SIGINT',
    privileges,
  });
  return {
    url: superuserUrl('postgres'),
    host: HOST,
    port,
    pid: managed.pid,
    dataDirectory: data,
    exited: managed.exited,
    superuserUrl,
    stop: async (mode = 'fast') => {
      await managed.stop({ signal: mode === 'fast' ? 'SIGINT' : 'SIGQUIT', graceMs: 30_000 });
    },
    kill: () => killAll(managed),
  };
}

function settingArguments(port: number, settings: Readonly<Record<string, string>> = {}): string[] {
  const all: Record<string, string> = {
    listen_addresses: HOST,
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    password_encryption: 'scram-sha-256',
    log_line_prefix: '%m [%p] ',
    // A statement can carry values; errors name the statement's fault without its text.
    log_min_error_statement: 'panic',
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The server writes its state there; asking the file costs nothing while it recovers. */
function isReady(data: string, pid: number): boolean {
  const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  return lines[0]?.trim() === String(pid) && lines[7]?.trim() === 'ready';
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    await sql`select 1`;
    return true;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Backends have process groups of their own, so each is killed by its number. */
async function killAll(managed: ManagedProcess): Promise<void> {
  const children = childrenOf(managed.pid);
  await managed.kill();
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

/** The parent's PG* variables must not steer a private server. */
function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LANG: 'C', LC_ALL: 'C', TZ: 'UTC' };
}
