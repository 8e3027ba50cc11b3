import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Exit, startManaged } from '../process/managed.js';
import { freePort, talk } from '../process/ports.js';
import { secretFile, writePrivate } from '../process/secret-file.js';
import { findServer } from '../vendor/find-server.js';
import type { FoundServer, Progress } from '../vendor/found-server.js';

export interface RedisOptions {
  /** Holds the append-only file, the password (0600), the configuration and the log. */
  readonly directory: string;
  readonly port?: number;
  readonly server?: FoundServer;
  /** Where a server that is not installed is unpacked. */
  readonly vendorDirectory?: string;
  readonly onProgress?: Progress;
  /** `false` for tests whose data may be lost. */
  readonly persistent?: boolean;
}

export interface RedisServer {
  /** Carries the password: never log it. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Starts a private Redis on loopback: append-only file, no eviction (BullMQ needs both), a password. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const directory = resolve(options.directory);
  const data = join(directory, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const found = options.server ?? (await findServer('redis-server', options));
  const password = secretFile(join(directory, 'password'));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? options.port : undefined);
    try {
      return await launch({ found, directory, data, password, port, persistent: options.persistent ?? true });
    } catch (error) {
      if (attempt === 3 || !/Address already in use/.test(String(error))) throw error;
    }
  }
}

interface Launch {
  readonly found: FoundServer;
  readonly directory: string;
  readonly data: string;
  readonly password: string;
  readonly port: number;
  readonly persistent: boolean;
}

async function launch({ found, directory, data, password, port, persistent }: Launch): Promise<RedisServer> {
  const config = join(directory, 'redis.conf');
  writePrivate(
    config,
    [
      'bind 127.0.0.1',
      `port ${port}`,
      `dir "${data}"`,
      `requirepass ${password}`,
      `appendonly ${persistent ? 'yes' : 'no'}`,
      'appendfsync everysec',
      'save ""',
      'maxmemory-policy noeviction',
      'daemonize no',
      'ignore-warnings ARM64-COW-BUG',
      '',
    ].join('\n'),
  );
  const managed = await startManaged({
    name: 'Redis',
    command: found.path,
    args: [config],
    env: { ...process.env, ...found.env },
    cwd: data,
    logFile: join(directory, 'redis.log'),
    ready: () =>
      talk(port, {
        greeting: `AUTH ${password}\r\nPING\r\n`,
        accept: (answer) => answer.includes('+PONG'),
      }),
    endWithUs: 'SIGTERM',
  });
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    pid: managed.pid,
    exited: managed.exited,
    stop: async () => {
      await managed.stop();
    },
    kill: async () => {
      await managed.kill();
    },
  };
}
