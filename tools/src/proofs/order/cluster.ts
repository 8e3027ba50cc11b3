import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  createDatabase,
  createRoles,
  DATABASE_ROLES,
  findPostgresClient,
  type PostgresServer,
  startPostgres,
  urlAs,
  urlOfDatabase,
} from '@keyfleet/embedded';
import { eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { migrate } from '@keyfleet/read-store';

const run = promisify(execFile);
const DATABASE = 'keyfleet';

/** A PostgreSQL of its own, synced to disk, with the roles of an installation. */
export class Cluster {
  readonly #server: PostgresServer;
  readonly #passwords: Readonly<Record<string, string>>;

  private constructor(server: PostgresServer, passwords: Readonly<Record<string, string>>) {
    this.#server = server;
    this.#passwords = passwords;
  }

  static async start(directory: string): Promise<Cluster> {
    const server = await startPostgres({ directory });
    const passwords = Object.fromEntries(
      DATABASE_ROLES.map((role) => [role, randomBytes(16).toString('hex')]),
    );
    await createRoles(server, passwords);
    await createDatabase(server, DATABASE, { owner: 'kf_owner' });
    return new Cluster(server, passwords);
  }

  get superuserUrl(): string {
    return urlOfDatabase(this.#server.url, DATABASE);
  }

  get storeUrl(): string {
    return urlAs(this.superuserUrl, 'kf_store', this.#passwords.kf_store ?? '');
  }

  async migrate(): Promise<void> {
    const ownerUrl = urlAs(this.superuserUrl, 'kf_owner', this.#passwords.kf_owner ?? '');
    await migrate({ ownerUrl, sets: [{ owner: 'event-store', migrations: eventStoreMigrations }] });
  }

  /** An empty database beside ours in the same cluster. */
  async anotherDatabase(name: string): Promise<string> {
    await createDatabase(this.#server, name);
    return urlOfDatabase(this.#server.url, name);
  }

  /** By pg_dump into a file, and by pg_restore into another cluster's empty database. */
  async copyTo(other: Cluster, directory: string): Promise<void> {
    const client = await findPostgresClient();
    const file = join(directory, 'dump');
    await runOn(this, client.pgDump, ['--format=custom', '--compress=1', `--file=${file}`], client.env);
    await runOn(other, client.pgRestore, ['--exit-on-error', `--dbname=${DATABASE}`, file], client.env);
  }

  async stop(): Promise<void> {
    await this.#server.stop('immediate');
  }
}

async function runOn(
  { superuserUrl }: Cluster,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { hostname, port, username, password } = new URL(superuserUrl);
  await run(program, [...args], {
    env: {
      ...{ PATH: process.env.PATH, ...env },
      ...{ PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password, PGDATABASE: DATABASE },
    },
  });
}
