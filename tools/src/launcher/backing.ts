import {
  createDatabase,
  createRoles,
  DATABASE_ROLES,
  type DatabaseRole,
  type FoundServer,
  findServer,
  secretFile,
  startNatsServer,
  startPostgres,
  startRedis,
  urlAs,
  urlOfDatabase,
  writePrivate,
} from '@keyfleet/embedded';
import type { Layout } from './layout.js';
import type { Ports } from './ports.js';
import { type Running, Supervised, type SupervisedEvent } from './supervised.js';

const DATABASE = 'keyfleet';
type OnEvent = (event: SupervisedEvent) => void;

interface Placed extends Running {
  readonly port: number;
}

/** Brings a server back where its clients know it, or not at all: nobody would find it elsewhere. */
function samePlace<R extends Placed>(
  launch: (port: number | undefined) => Promise<R>,
  preferred?: number,
): () => Promise<R> {
  let first: number | undefined;
  return async () => {
    const server = await launch(first ?? preferred);
    if (first !== undefined && server.port !== first) {
      await server.kill();
      throw new Error(`port ${first} is taken`);
    }
    first = server.port;
    return server;
  };
}

/** The PostgreSQL of the installation: an own one by URL, else a private one. */
export class PostgresBacking {
  readonly supervised: Supervised<Awaited<ReturnType<typeof startPostgres>>> | undefined;
  readonly #layout: Layout;
  #adminUrl: string;

  constructor(layout: Layout, ports: Ports, onEvent: OnEvent) {
    this.#layout = layout;
    this.#adminUrl = process.env.KEYFLEET_POSTGRES_URL ?? '';
    if (this.#adminUrl) return;
    const launch = (port: number | undefined) => startPostgres({ directory: layout.in('postgres'), port });
    this.supervised = new Supervised({
      name: 'PostgreSQL',
      restart: true,
      launch: samePlace(launch, ports.preferred('postgres')),
      onEvent,
    });
  }

  async start(ports: Ports): Promise<void> {
    const server = await this.supervised?.start();
    if (server) {
      this.#adminUrl = server.url;
      ports.set('postgres', server.port);
    }
    const passwords = Object.fromEntries(DATABASE_ROLES.map((role) => [role, this.#passwordOf(role)]));
    await createRoles({ url: this.#adminUrl }, passwords);
    await createDatabase({ url: this.#adminUrl }, DATABASE, { owner: 'kf_owner' });
    for (const role of DATABASE_ROLES) writePrivate(this.urlFile(role), `${this.urlFor(role)}\n`);
  }

  /** The superuser's; makes roles and databases, and reads no row. */
  get adminUrl(): string {
    return this.#adminUrl;
  }

  get url(): string {
    return urlOfDatabase(this.#adminUrl, DATABASE);
  }

  urlFor(role: DatabaseRole): string {
    return urlAs(this.url, role, this.#passwordOf(role));
  }

  /** Passwords reach services by file only. */
  urlFile(role: DatabaseRole): string {
    return this.#layout.in('secrets', `database-${role}-url`);
  }

  #passwordOf(role: DatabaseRole): string {
    return secretFile(this.#layout.in('secrets', `database-${role}-password`));
  }
}

/** The Redis of the installation. */
export class RedisBacking {
  readonly supervised: Supervised<Awaited<ReturnType<typeof startRedis>>> | undefined;
  readonly urlFile: string;
  url: string;

  constructor(layout: Layout, ports: Ports, onEvent: OnEvent) {
    this.urlFile = layout.in('secrets', 'redis-url');
    this.url = process.env.KEYFLEET_REDIS_URL ?? '';
    if (this.url) return;
    const launch = (port: number | undefined) =>
      startRedis({ directory: layout.in('redis'), vendorDirectory: layout.in('vendor'), port });
    this.supervised = new Supervised({
      name: 'Redis',
      restart: true,
      launch: samePlace(launch, ports.preferred('redis')),
      onEvent,
    });
  }

  async start(ports: Ports): Promise<void> {
    const server = await this.supervised?.start();
    if (server) {
      this.url = server.url;
      ports.set('redis', server.port);
    }
    writePrivate(this.urlFile, `${this.url}\n`);
  }
}

/** Unpacks what is not installed; the message of a failure says what to do. */
export async function findServers(
  layout: Layout,
  say: (message: string) => void,
): Promise<{ nats: FoundServer }> {
  const options = { vendorDirectory: layout.in('vendor'), onProgress: say };
  const [nats] = await Promise.all([
    findServer('nats-server', options),
    process.env.KEYFLEET_REDIS_URL ? undefined : findServer('redis-server', options),
  ]);
  return { nats };
}

/** The broker of the installation, with the configuration the registry's authority wrote. */
export function natsBacking(
  layout: Layout,
  options: { configFile: string; server: FoundServer; onEvent: OnEvent },
): Supervised<Awaited<ReturnType<typeof startNatsServer>>> {
  return new Supervised({
    name: 'NATS',
    restart: true,
    launch: () =>
      startNatsServer({
        configFile: options.configFile,
        directory: layout.in('nats-server'),
        server: options.server,
      }),
    onEvent: options.onEvent,
  });
}
