import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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
import { generateUserSeed, publicKeyOf } from '@keyfleet/messaging';
import { deriveId, newId } from '@keyfleet/platform';
import postgres from 'postgres';
import { runToEnd } from '../../launcher/node-process.js';
import { AuthorityProcess } from './authority-process.js';
import { BrokerAccess, type ProofAgent } from './broker-access.js';

const DATABASE = 'keyfleet';
/** As in the registry's reconciler. */
const CLAIMS_LOCK = 0x6b66_636c;

/** A private installation of PostgreSQL, the broker as `init` configures it, and authorities as processes. */
export class ProofInstallation {
  readonly #root = resolve(import.meta.dirname, '..', '..', '..', '..');
  readonly #directory = mkdtempSync(join(tmpdir(), 'keyfleet-proof-broker-'));
  readonly #stopped = new AbortController();
  readonly #authorities = new Set<AuthorityProcess>();
  #postgres: PostgresServer | undefined;
  #server: NatsServer | undefined;
  #access: BrokerAccess | undefined;

  async start(): Promise<void> {
    this.#postgres = await startPostgres({ directory: join(this.#directory, 'postgres') });
    const password = (role: string) => secretFile(join(this.#directory, 'secrets', role));
    const passwords = Object.fromEntries(DATABASE_ROLES.map((role) => [role, password(role)]));
    await createRoles(this.#postgres, passwords);
    await createDatabase(this.#postgres, DATABASE, { owner: 'kf_owner' });
    const url = urlOfDatabase(this.#postgres.url, DATABASE);
    for (const role of DATABASE_ROLES)
      writePrivate(this.#urlFile(role), urlAs(url, role, passwords[role] ?? ''));
    await this.#run('migrate', { KEYFLEET_DATABASE__OWNER_URL_FILE: this.#urlFile('kf_owner') });
    const port = await freePort();
    await this.#run('init', {}, ['--directory', this.#directory, '--nats-port', String(port)]);
    this.#access = new BrokerAccess(this.#directory, `tls://127.0.0.1:${port}`);
    await this.#access.prepare();
    await this.startBroker();
  }

  get broker(): BrokerAccess {
    if (!this.#access) throw new Error('not started');
    return this.#access;
  }

  /** Starts the broker again; `empty` takes away everything it was ever told. */
  async startBroker(options: { readonly empty?: boolean } = {}): Promise<void> {
    if (options.empty) this.broker.emptyClaims();
    mkdirSync(this.#path('nats-server'), { recursive: true });
    this.#server = await startNatsServer({
      configFile: this.#path('nats', 'nats-server.conf'),
      directory: this.#path('nats-server'),
      vendorDirectory: join(this.#root, '.keyfleet', 'vendor'),
    });
  }

  async killBroker(): Promise<void> {
    await this.#server?.kill();
  }

  /** With a `pushGate`, its pushes wait while that file is missing. */
  async startAuthority(options: { readonly pushGate?: string } = {}): Promise<AuthorityProcess> {
    const { pushGate } = options;
    const failpoints = pushGate ? { 'authority.before-push': { pauseUntilFile: pushGate } } : {};
    const authority = await AuthorityProcess.start(this.#registry('authority/standalone'), {
      KEYFLEET_FAILPOINTS: JSON.stringify(failpoints),
      KEYFLEET_AUTHORITY__DIRECTORY: this.#path('authority'),
      KEYFLEET_NATS__URL: this.broker.servers.join(','),
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

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#authorities].map((authority) => authority.kill()));
    await this.#server?.kill();
    await this.#postgres?.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #run(entry: string, env: Record<string, string>, args: readonly string[] = []): Promise<void> {
    return runToEnd({
      name: entry,
      script: this.#registry(entry),
      args,
      env,
      cwd: this.#root,
      logFile: this.#path(`${entry}.log`),
      signal: this.#stopped.signal,
    });
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
