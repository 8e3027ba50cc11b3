import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Exit, startManaged } from '../process/managed.js';
import { talk } from '../process/ports.js';
import { findServer } from '../vendor/find-server.js';
import type { FoundServer, Progress } from '../vendor/found-server.js';

export interface NatsServerOptions {
  /** A complete nats-server configuration; `port: -1` lets the server choose. */
  readonly configFile: string;
  /** Holds the log and the ports file. */
  readonly directory: string;
  readonly server?: FoundServer;
  /** Where a server that is not installed is unpacked. */
  readonly vendorDirectory?: string;
  readonly onProgress?: Progress;
}

export interface NatsServer {
  /** `nats://` or `tls://`, as the server itself reports its client listener. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly monitoringUrl: string | undefined;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Reads the configuration file again. */
  reload(): void;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Freezes and thaws it (SIGSTOP, SIGCONT): a broker that is there and says nothing. */
  pause(): void;
  resume(): void;
}

interface Ports {
  readonly nats?: readonly string[];
  readonly monitoring?: readonly string[];
}

/** Runs `nats-server -c <configFile>` and resolves once clients are answered. */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const directory = resolve(options.directory);
  const portsFolder = join(directory, 'ports');
  rmSync(portsFolder, { recursive: true, force: true });
  mkdirSync(portsFolder, { recursive: true });
  const found = options.server ?? (await findServer('nats-server', options));
  let ports: Ports = {};
  const managed = await startManaged({
    name: 'NATS',
    command: found.path,
    args: ['-c', resolve(options.configFile), '--ports_file_dir', portsFolder],
    env: { ...process.env, ...found.env },
    cwd: directory,
    logFile: join(directory, 'nats.log'),
    ready: async (child) => {
      ports = readPorts(portsFolder, child.pid);
      return talk(portOf(ports), { accept: (answer) => answer.startsWith('INFO ') });
    },
    endWithUs: 'SIGTERM',
  });
  const url = new URL(ports.nats?.[0] ?? '');
  const port = portOf(ports);
  return {
    url: `${url.protocol}//127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    monitoringUrl: ports.monitoring?.[0],
    pid: managed.pid,
    exited: managed.exited,
    reload: () => managed.signal('SIGHUP'),
    stop: async () => {
      await managed.stop();
    },
    kill: async () => {
      await managed.kill();
    },
    pause: () => managed.signal('SIGSTOP'),
    resume: () => managed.signal('SIGCONT'),
  };
}

function readPorts(folder: string, pid: number): Ports {
  return JSON.parse(readFileSync(join(folder, `nats-server_${pid}.ports`), 'utf8')) as Ports;
}

function portOf(ports: Ports): number {
  return Number(new URL(ports.nats?.[0] ?? '').port);
}
