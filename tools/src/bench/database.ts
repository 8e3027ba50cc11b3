import { join, resolve } from 'node:path';
import {
  createDatabase,
  createRoles,
  DATABASE_ROLES,
  type DatabaseRole,
  type PostgresServer,
  secretFile,
  startPostgres,
  urlAs,
  urlOfDatabase,
  writePrivate,
} from '@keyfleet/embedded';
import { runToEnd } from '../launcher/node-process.js';

const REGISTRY = resolve(import.meta.dirname, '..', '..', '..', 'apps', 'registry', 'dist');

/** A PostgreSQL of its own as `npm start` runs one, synced to disk, for what is measured and its anchors alike. */
export class BenchServer {
  readonly #directory: string;
  readonly #server: PostgresServer;
  readonly #passwords: Readonly<Record<string, string>>;

  private constructor(directory: string, server: PostgresServer, passwords: Record<string, string>) {
    this.#directory = directory;
    this.#server = server;
    this.#passwords = passwords;
  }

  static async start(directory: string): Promise<BenchServer> {
    const server = await startPostgres({ directory: join(directory, 'postgres') });
    const passwords = Object.fromEntries(
      DATABASE_ROLES.map((role) => [role, secretFile(join(directory, 'secrets', role))]),
    );
    await createRoles(server, passwords);
    return new BenchServer(directory, server, passwords);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** An empty database, its superuser's URL. */
  async emptyDatabase(name: string): Promise<string> {
    await createDatabase(this.#server, name, { owner: 'kf_owner' });
    return urlOfDatabase(this.#server.url, name);
  }

  /** A database with everything a fresh installation has in it. */
  async migratedDatabase(
    name: string,
  ): Promise<{ readonly superuserUrl: string; urlFor(role: DatabaseRole): string }> {
    const superuserUrl = await this.emptyDatabase(name);
    const urlFor = (role: DatabaseRole): string => urlAs(superuserUrl, role, this.#passwords[role] ?? '');
    const file = join(this.#directory, 'secrets', `${name}-owner-url`);
    writePrivate(file, urlFor('kf_owner'));
    await runToEnd({
      name: 'migrate',
      script: join(REGISTRY, 'migrate.js'),
      env: { KEYFLEET_DATABASE__OWNER_URL_FILE: file },
      cwd: this.#directory,
      logFile: join(this.#directory, 'migrate.log'),
      signal: new AbortController().signal,
    });
    return { superuserUrl, urlFor };
  }

  async stop(): Promise<void> {
    await this.#server.stop('immediate');
  }
}
