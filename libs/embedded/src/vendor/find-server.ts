import { accessSync, constants } from 'node:fs';
import { join, resolve } from 'node:path';
import { findOnPath } from '../process/privileges.js';
import { unpackDebianPackage } from './debian.js';
import type { FoundServer, Progress } from './found-server.js';

/** Programs of the distribution, each in the package of its name; `strace` makes system calls fail in tests. */
export type ServerName = 'nats-server' | 'redis-server' | 'strace';

export interface FindServerOptions {
  /** Default: `.keyfleet/vendor` under the current folder. */
  readonly vendorDirectory?: string;
  readonly onProgress?: Progress;
  /** `false` ignores what is installed, so that the other way can be tested. */
  readonly usePath?: boolean;
}

/** Variables that put another build of a server in the place of the one that would be found: tests run against many. */
const CHOSEN: Readonly<Partial<Record<ServerName, string>>> = {
  'nats-server': 'KEYFLEET_TEST_NATS_SERVER',
  'redis-server': 'KEYFLEET_TEST_REDIS_SERVER',
};

/** The installed server, or one unpacked from the distribution's package without installing it. */
export async function findServer(name: ServerName, options: FindServerOptions = {}): Promise<FoundServer> {
  const chosen = process.env[CHOSEN[name] ?? ''];
  if (chosen && options.usePath !== false) {
    accessSync(chosen, constants.X_OK);
    return { path: resolve(chosen), env: {} };
  }
  const installed = options.usePath === false ? undefined : findOnPath(name);
  if (installed) return { path: installed, env: {} };
  const directory = resolve(options.vendorDirectory ?? join('.keyfleet', 'vendor'), name);
  try {
    return await unpackDebianPackage(name, directory, options.onProgress ?? (() => {}));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(
      `${name} is not installed and could not be unpacked from a package (${reason}). Install the package "${name}" so that it is on PATH, or use "docker compose up".`,
      { cause },
    );
  }
}
