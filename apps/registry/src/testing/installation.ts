import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  freePort,
  type ManagedProcess,
  type NatsServer,
  startManaged,
  startNatsServer,
} from '@keyfleet/embedded';
import {
  type BrokerIdentity,
  type CommandClient,
  connectNats,
  createCommandClient,
  identityFromFiles,
} from '@keyfleet/messaging';
import { systemClock } from '@keyfleet/platform';
import { createTestDatabase, type TestDatabase, temporaryDirectory } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { initialise } from '../authority/initialise.js';

const SOURCES = join(process.cwd(), 'apps/registry/src');
const REGISTER = join(process.cwd(), 'libs/testing/jest/register.mjs');

/** The registry as processes on a real broker and a real PostgreSQL, asked as the gateway asks it. */
export class Installation {
  readonly directory = temporaryDirectory('registry');
  readonly database: TestDatabase;
  readonly port: number;
  readonly #replicas: ManagedProcess[] = [];
  #broker: NatsServer | undefined;
  #commands: CommandClient | undefined;

  private constructor(database: TestDatabase, port: number) {
    this.database = database;
    this.port = port;
  }

  /** Migrated, bootstrapped and with a broker; no replica runs yet. */
  static async create(): Promise<Installation> {
    const made = new Installation(await createTestDatabase(), await freePort());
    await initialise({ directory: made.directory, clock: systemClock, natsPort: made.port });
    made.#broker = await startNatsServer({
      configFile: join(made.directory, 'nats', 'nats-server.conf'),
      directory: temporaryDirectory('nats'),
    });
    return made;
  }

  get servers(): string[] {
    return [`tls://127.0.0.1:${this.port}`];
  }

  /** Runs an entry to its end and gives back what it printed. */
  async run(entry: string, settings: Record<string, string>, args: readonly string[] = []): Promise<string> {
    const child = await this.#start(entry, settings, { args });
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`${entry} failed:\n${child.logTail(40)}`);
    return child.logTail(200);
  }

  async replica(): Promise<{ readonly process: ManagedProcess; readonly operationsUrl: string }> {
    const port = await freePort();
    const operationsUrl = `http://127.0.0.1:${port}`;
    const settings = { ...this.registrySettings(), KEYFLEET_OPERATIONS__PORT: String(port) };
    const process = await this.#start('main', settings, {
      ready: async () => {
        const answer = (await (await fetch(`${operationsUrl}/readyz`)).json()) as { failing: string[] };
        return answer.failing.every((check) => check === 'detection');
      },
    });
    this.#replicas.push(process);
    return { process, operationsUrl };
  }

  databaseSettings(...roles: readonly ('owner' | 'store' | 'worker' | 'identity')[]): Record<string, string> {
    return Object.fromEntries(
      roles.map((role) => {
        const file = join(this.directory, `${role}.url`);
        writeFileSync(file, this.database.urlFor(`kf_${role}`), { mode: 0o600 });
        return [`KEYFLEET_DATABASE__${role.toUpperCase()}_URL_FILE`, file];
      }),
    );
  }

  registrySettings(): Record<string, string> {
    const file = (name: string) => join(this.directory, 'services', 'registry', name);
    return {
      ...this.databaseSettings('store', 'worker', 'identity'),
      KEYFLEET_AUTHORITY__DIRECTORY: join(this.directory, 'authority'),
      KEYFLEET_NATS__URL: this.servers.join(','),
      KEYFLEET_NATS__CREDENTIALS_FILE: file('nats.creds'),
      KEYFLEET_NATS__CA_FILE: file('ca.crt'),
      KEYFLEET_NATS__CERT_FILE: file('tls.crt'),
      KEYFLEET_NATS__KEY_FILE: file('tls.key'),
    };
  }

  /** As the gateway. */
  async commands(): Promise<CommandClient> {
    const file = (name: string) => join(this.directory, 'services', 'gateway', name);
    this.#commands ??= createCommandClient({
      servers: this.servers,
      identity: identityFromFiles({
        credentialsFile: file('nats.creds'),
        certificateFile: file('tls.crt'),
        keyFile: file('tls.key'),
        caFile: file('ca.crt'),
      }),
      inboxPrefix: '_INBOX.svc.gateway',
      name: 'gateway',
    });
    return this.#commands;
  }

  connectAgent(agentId: string, identity: BrokerIdentity): Promise<NatsConnection> {
    return connectNats({
      servers: this.servers,
      identity: () => identity,
      inboxPrefix: `_INBOX.${agentId}`,
      name: agentId,
      reconnectWindowMs: () => 200,
    });
  }

  async stop(): Promise<void> {
    await this.#commands?.close();
    await Promise.all(this.#replicas.map((replica) => replica.stop()));
    await this.#broker?.kill();
    await this.database.drop();
  }

  #start(
    entry: string,
    settings: Record<string, string>,
    more: { readonly args?: readonly string[]; readonly ready?: () => Promise<boolean> },
  ): Promise<ManagedProcess> {
    return startManaged({
      name: `registry ${entry}`,
      command: process.execPath,
      args: ['--import', REGISTER, join(SOURCES, `${entry}.ts`), ...(more.args ?? [])],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
      logFile: join(this.directory, `${entry}-${Date.now()}.log`),
      ready: more.ready ?? (async () => true),
      readyTimeoutMs: 60_000,
      endWithUs: 'SIGKILL',
      ipc: true,
    });
  }
}
