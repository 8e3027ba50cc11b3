import { execFile } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath } from '../process/privileges.js';
import { unpackDebianPackage } from './debian.js';
import type { Progress } from './found-server.js';

const run = promisify(execFile);

/** A client may be newer than the server it dumps, never older. */
const OLDEST = 15;
const PACKAGE = 'postgresql-client-15';

export interface PostgresClient {
  readonly pgDump: string;
  readonly pgRestore: string;
  /** What the programs need in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface FindPostgresClientOptions {
  /** Default: `.keyfleet/vendor` under the current folder. */
  readonly vendorDirectory?: string;
  readonly onProgress?: Progress;
  /** `false` ignores what is installed, so that the other way can be tested. */
  readonly usePath?: boolean;
}

/** `pg_dump` and `pg_restore`, installed or unpacked from the distribution's package; the npm build of the server has neither. */
export async function findPostgresClient(options: FindPostgresClientOptions = {}): Promise<PostgresClient> {
  const installed = options.usePath === false ? undefined : await onPath();
  if (installed) return installed;
  const directory = resolve(options.vendorDirectory ?? join('.keyfleet', 'vendor'), PACKAGE);
  try {
    const found = await unpackDebianPackage(PACKAGE, directory, options.onProgress ?? (() => {}), {
      folders: ['usr/lib/postgresql/15/bin'],
      file: 'pg_dump',
    });
    return { pgDump: found.path, pgRestore: join(dirname(found.path), 'pg_restore'), env: found.env };
  } catch (cause) {
    throw new Error(
      `pg_dump ${OLDEST} or later is not installed and could not be unpacked from a package (${(cause as Error).message}). Install the package "${PACKAGE}" so that it is on PATH.`,
      { cause },
    );
  }
}

async function onPath(): Promise<PostgresClient | undefined> {
  const [pgDump, pgRestore] = [findOnPath('pg_dump'), findOnPath('pg_restore')];
  if (!pgDump || !pgRestore) return undefined;
  const { stdout } = await run(pgDump, ['--version']).catch(() => ({ stdout: '' }));
  const major = Number(/(\d+)/.exec(stdout)?.[1] ?? 0);
  return major >= OLDEST ? { pgDump, pgRestore, env: {} } : undefined;
}
