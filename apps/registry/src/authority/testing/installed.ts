import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createCertificateRequest } from '@keyfleet/crypto';
import { freePort, type NatsServer, startNatsServer } from '@keyfleet/embedded';
import {
  AUTHORITY_INBOX,
  type BrokerIdentity,
  connectNats,
  generateUserSeed,
  publicKeyOf,
} from '@keyfleet/messaging';
import { deriveId, newId, systemClock } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { createTestDatabase, type TestDatabase, temporaryDirectory } from '@keyfleet/testing';
import postgres from 'postgres';
import { type AuthorityKeys, readAuthorityKeys } from '../files.js';
import { initialise } from '../initialise.js';
import { authorityMigrations } from '../migrations.js';
import { type OpenAuthority, type OpenAuthorityOptions, openAuthority, systemIdentity } from '../open.js';

export interface TestAgent {
  readonly orgId: string;
  readonly agentId: string;
  readonly nkey: string;
  readonly expiresAt: string;
  readonly identity: BrokerIdentity;
}

/** An installation as `init` makes it, with a real broker and a real database. */
export class Installed {
  readonly directory = temporaryDirectory('installation');
  readonly database: TestDatabase;
  readonly port: number;
  readonly #opened: OpenAuthority[] = [];
  readonly #pools: Sql[] = [];
  #server: NatsServer | undefined;

  private constructor(database: TestDatabase, port: number) {
    this.database = database;
    this.port = port;
  }

  static async start(): Promise<Installed> {
    const database = await createTestDatabase();
    const owner = postgres(database.url, { max: 1, onnotice: () => {} });
    await owner`create schema registry`;
    await owner`grant usage on schema registry to kf_worker`;
    for (const { up } of authorityMigrations) await up(owner);
    await owner.end();
    const installed = new Installed(database, await freePort());
    await initialise({ directory: installed.directory, clock: systemClock, natsPort: installed.port });
    await installed.startBroker();
    return installed;
  }

  get authorityDirectory(): string {
    return join(this.directory, 'authority');
  }

  get keys(): AuthorityKeys {
    return readAuthorityKeys(this.authorityDirectory);
  }

  get servers(): string[] {
    return [`tls://127.0.0.1:${this.port}`];
  }

  async startBroker(options: { readonly empty?: boolean } = {}): Promise<void> {
    if (options.empty) rmSync(join(this.directory, 'nats', 'claims'), { recursive: true });
    this.#server = await startNatsServer({
      configFile: join(this.directory, 'nats', 'nats-server.conf'),
      directory: temporaryDirectory('nats'),
    });
  }

  killBroker(): Promise<void> {
    return this.#server?.kill() ?? Promise.resolve();
  }

  pool(): Sql {
    const sql = createSql({ url: this.database.urlFor('kf_worker'), applicationName: 'authority', max: 4 });
    this.#pools.push(sql);
    return sql;
  }

  /** One registry's authority; call it twice for two registries. */
  async open(options: Partial<OpenAuthorityOptions> = {}): Promise<OpenAuthority> {
    const opened = await openAuthority({
      directory: this.authorityDirectory,
      sql: this.pool(),
      servers: this.servers,
      clock: systemClock,
      production: false,
      ...options,
    });
    this.#opened.push(opened);
    return opened;
  }

  /** Enrols, as far as the authority goes. */
  async agent({ authority }: OpenAuthority, orgId: string = newId('org')): Promise<TestAgent> {
    const { csr, privateKey } = await createCertificateRequest();
    const seed = generateUserSeed();
    const nkey = publicKeyOf(seed);
    const agentId = deriveId('agt', nkey);
    const given = await authority.issueAgentIdentity({ orgId, agentId, csr, nkey });
    const { certificate, jwt, trustBundle, expiresAt } = given;
    const identity = { certificate, jwt, seed, privateKey, trustBundle: trustBundle.join('') };
    return { orgId, agentId, nkey, expiresAt, identity };
  }

  connectAgent(agent: TestAgent, reconnectWindowMs = 300) {
    return connectNats({
      servers: this.servers,
      identity: () => agent.identity,
      inboxPrefix: `_INBOX.${agent.agentId}`,
      name: agent.agentId,
      reconnectWindowMs: () => reconnectWindowMs,
    });
  }

  async isOut(agent: TestAgent): Promise<boolean> {
    try {
      await (await this.connectAgent(agent)).close();
      return false;
    } catch {
      return true;
    }
  }

  connectSystem() {
    return connectNats({
      servers: this.servers,
      identity: systemIdentity(this.authorityDirectory),
      inboxPrefix: AUTHORITY_INBOX,
      name: 'authority',
    });
  }

  /** As the database's superuser, to do what no role of ours can. */
  superuser() {
    return postgres(this.database.superuserUrl, { max: 1 });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#opened.map((opened) => opened.close()));
    await Promise.all(this.#pools.map((sql) => closeSql(sql, 1_000)));
    await this.#server?.kill();
    await this.database.drop();
  }
}
