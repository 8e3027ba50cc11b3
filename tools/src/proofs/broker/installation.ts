import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createCertificateRequest } from '@keyfleet/crypto';
import {
  createDatabase,
  createRoles,
  DATABASE_ROLES,
  freePort,
  type NatsServer,
  type PostgresServer,
  secretFile,
  startNatsServer,
  startPostgres,
  urlAs,
  urlOfDatabase,
  writePrivate,
} from '@keyfleet/embedded';
import {
  type BrokerIdentity,
  type BrokerOptions,
  connectNats,
  generateUserSeed,
  identityFromFiles,
  parseCredentials,
  publicKeyOf,
  type Service,
} from '@keyfleet/messaging';
import { witnessCredentials } from '@keyfleet/messaging/testing';
import { deriveId, newId } from '@keyfleet/platform';
import postgres from 'postgres';
import { runToEnd } from '../../launcher/node-process.js';
import { AuthorityProcess } from './authority-process.js';

const DATABASE = 'keyfleet';
/** As in the registry's reconciler. */
const CLAIMS_LOCK = 0x6b66_636c;

/** An agent as it stands after enrolment. */
export interface ProofAgent {
  readonly orgId: string;
  readonly agentId: string;
  readonly nkey: string;
  readonly expiresAt: string;
  readonly identity: BrokerIdentity;
}

/** A private installation: PostgreSQL, the broker as `init` configures it, and authorities as processes. */
export class ProofInstallation {
  readonly #root = resolve(import.meta.dirname, '..', '..', '..', '..');
  readonly #directory = mkdtempSync(join(tmpdir(), 'keyfleet-proof-broker-'));
  readonly #stopped = new AbortController();
  readonly #authorities = new Set<AuthorityProcess>();
  #postgres: PostgresServer | undefined;
  #broker: NatsServer | undefined;
  #port = 0;

  async start(): Promise<void> {
    this.#port = await freePort();
    this.#postgres = await startPostgres({ directory: join(this.#directory, 'postgres') });
    const password = (role: string) => secretFile(join(this.#directory, 'secrets', role));
    const passwords = Object.fromEntries(DATABASE_ROLES.map((role) => [role, password(role)]));
    await createRoles(this.#postgres, passwords);
    await createDatabase(this.#postgres, DATABASE, { owner: 'kf_owner' });
    const url = urlOfDatabase(this.#postgres.url, DATABASE);
    for (const role of DATABASE_ROLES)
      writePrivate(this.#urlFile(role), urlAs(url, role, passwords[role] ?? ''));
    await runToEnd({
      name: 'init',
      script: this.#registry('init'),
      args: ['--directory', this.#directory, '--nats-port', String(this.#port)],
      env: {},
      cwd: this.#root,
      logFile: join(this.#directory, 'init.log'),
      signal: this.#stopped.signal,
    });
    await this.startBroker();
    const migrating = await this.startAuthority();
    await migrating.migrate();
    await migrating.kill();
  }

  get servers(): string[] {
    return [`tls://127.0.0.1:${this.#port}`];
  }

  /** Starts the broker again; `empty` takes away everything it was ever told. */
  async startBroker(options: { readonly empty?: boolean } = {}): Promise<void> {
    if (options.empty) rmSync(this.#path('nats', 'claims'), { recursive: true });
    mkdirSync(this.#path('nats-server'), { recursive: true });
    this.#broker = await startNatsServer({
      configFile: this.#path('nats', 'nats-server.conf'),
      directory: this.#path('nats-server'),
      vendorDirectory: join(this.#root, '.keyfleet', 'vendor'),
    });
  }

  async killBroker(): Promise<void> {
    await this.#broker?.kill();
  }

  /** With a `pushGate`, its pushes wait while that file is missing. */
  async startAuthority(options: { readonly pushGate?: string } = {}): Promise<AuthorityProcess> {
    const { pushGate } = options;
    const failpoints = pushGate ? { 'authority.before-push': { pauseUntilFile: pushGate } } : {};
    const authority = await AuthorityProcess.start(this.#registry('authority/standalone'), {
      KEYFLEET_FAILPOINTS: JSON.stringify(failpoints),
      KEYFLEET_AUTHORITY__DIRECTORY: this.#path('authority'),
      KEYFLEET_NATS__URL: this.servers[0] ?? '',
      KEYFLEET_DATABASE__OWNER_URL_FILE: this.#urlFile('kf_owner'),
      KEYFLEET_DATABASE__WORKER_URL_FILE: this.#urlFile('kf_worker'),
    });
    this.#authorities.add(authority);
    return authority;
  }

  async agent(authority: AuthorityProcess, orgId: string = newId('org')): Promise<ProofAgent> {
    const { csr, privateKey } = await createCertificateRequest();
    const seed = generateUserSeed();
    const nkey = publicKeyOf(seed);
    const agentId = deriveId('agt', nkey);
    const { certificate, jwt, expiresAt, trustBundle } = await authority.issue({ orgId, agentId, csr, nkey });
    const identity = { certificate, jwt, seed, privateKey, trustBundle: trustBundle.join('') };
    return { orgId, agentId, nkey, expiresAt, identity };
  }

  connect(options: Partial<BrokerOptions> & Pick<BrokerOptions, 'identity' | 'name' | 'inboxPrefix'>) {
    return connectNats({
      servers: this.servers,
      reconnectWindowMs: () => 300,
      attemptTimeoutMs: 5_000,
      ...options,
    });
  }

  connectAgent(agent: ProofAgent) {
    const { agentId, identity } = agent;
    return this.connect({ identity: () => identity, name: agentId, inboxPrefix: `_INBOX.${agentId}` });
  }

  async isOut(agent: ProofAgent): Promise<boolean> {
    try {
      await (await this.connectAgent(agent)).close();
      return false;
    } catch {
      return true;
    }
  }

  serviceIdentity(service: Service): () => BrokerIdentity {
    const file = (name: string) => this.#path('services', service, name);
    return identityFromFiles({
      credentialsFile: file('nats.creds'),
      certificateFile: file('tls.crt'),
      keyFile: file('tls.key'),
      caFile: file('ca.crt'),
    });
  }

  get account(): string {
    const text = readFileSync(this.#path('authority', 'installation.json'), 'utf8');
    return (JSON.parse(text) as { account: string }).account;
  }

  /** Bound by nothing in the account: the receiver by whom effects are judged. */
  async witnessIdentity(): Promise<() => BrokerIdentity> {
    const signer = { account: this.account, servicesSeed: this.signer('services') };
    const text = await witnessCredentials(signer);
    const identity = { ...this.serviceIdentity('registry')(), ...parseCredentials(text) };
    return () => identity;
  }

  /** A file name nothing else uses. */
  file(name: string): string {
    return this.#path(name);
  }

  /** How many sessions hold, and how many wait for, the lock under which claims are built. */
  async claimLocks(): Promise<{ readonly held: number; readonly waiting: number }> {
    const sql = postgres(this.#postgres?.url ?? '', { max: 1, database: DATABASE });
    try {
      const [row] = await sql<{ held: number; waiting: number }[]>`
        select count(*) filter (where granted)::int as held, count(*) filter (where not granted)::int as waiting
        from pg_locks where locktype = 'advisory' and classid = ${CLAIMS_LOCK}`;
      return row ?? { held: 0, waiting: 0 };
    } finally {
      await sql.end();
    }
  }

  /** Key material, for the proof to forge with. */
  signer(name: 'agents' | 'services'): string {
    return readFileSync(this.#path('authority', `${name}.nk`), 'utf8').trim();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#authorities].map((authority) => authority.kill()));
    await this.#broker?.kill();
    await this.#postgres?.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #path(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }

  #urlFile(role: string): string {
    return this.#path('secrets', `database-${role}-url`);
  }

  #registry(entry: string): string {
    return join(this.#root, 'apps', 'registry', 'dist', `${entry}.js`);
  }
}
