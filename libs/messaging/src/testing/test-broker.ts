import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createCertificateRequest,
  issueAgentCertificate,
  issueServerCertificate,
  issueServiceCertificate,
  loadCertificateAuthority,
  readCertificateRequest,
} from '@keyfleet/crypto';
import { freePort, type NatsServer, startNatsServer } from '@keyfleet/embedded';
import { newId } from '@keyfleet/platform';
import { temporaryDirectory } from '@keyfleet/testing';
import { encodeUser, fmtCreds } from '@nats-io/jwt';
import {
  accountClaims,
  accountKeysOf,
  operatorClaims,
  type Revocations,
  systemAccountClaims,
} from '../broker/claims.js';
import {
  type BrokerSeeds,
  generateBrokerSeeds,
  generateUserSeed,
  keyPairOf,
  publicKeyOf,
} from '../broker/keys.js';
import { natsServerConfig } from '../broker/server-config.js';
import type { Service } from '../broker/services.js';
import { AUTHORITY_INBOX, agentUserJwt, serviceCredentials, systemCredentials } from '../broker/users.js';
import { type BrokerIdentity, connectNats, parseCredentials } from '../connection.js';

const HOUR = 3_600_000;

/** Credentials without any bound inside the account (named by its public key). */
export async function witnessCredentials(signer: {
  readonly account: string;
  readonly servicesSeed: string;
}): Promise<string> {
  const pair = keyPairOf(generateUserSeed());
  const options = { signer: keyPairOf(signer.servicesSeed) };
  const jwt = await encodeUser('witness', pair, signer.account, {}, options);
  return Buffer.from(fmtCreds(jwt, pair)).toString('utf8');
}

export interface TestAgent {
  readonly orgId: string;
  readonly agentId: string;
  readonly nkey: string;
  readonly identity: BrokerIdentity;
}

/** A real nats-server in operator mode with its own keys, as an installation has it. */
export class TestBroker {
  readonly seeds: BrokerSeeds = generateBrokerSeeds();
  readonly directory = temporaryDirectory('broker');
  readonly #systemUser = generateUserSeed();
  #ca: CertificateAuthority | undefined;
  #server: NatsServer | undefined;

  static async start(): Promise<TestBroker> {
    const broker = new TestBroker();
    await broker.#prepare();
    await broker.restart();
    return broker;
  }

  get ca(): CertificateAuthority {
    if (!this.#ca) throw new Error('not started');
    return this.#ca;
  }

  get server(): NatsServer {
    if (!this.#server) throw new Error('not started');
    return this.#server;
  }

  get servers(): string[] {
    return [`tls://127.0.0.1:${this.server.port}`];
  }

  get claimsDirectory(): string {
    return join(this.directory, 'claims');
  }

  async #prepare(): Promise<void> {
    const now = Date.now();
    const root = await createCertificateAuthority({ commonName: 'test', now, validForMs: 24 * HOUR });
    this.#ca = await loadCertificateAuthority(root);
    const server = await issueServerCertificate(this.ca, {
      commonName: 'broker',
      names: ['127.0.0.1', 'localhost'],
      now,
      validForMs: HOUR,
    });
    const file = (name: string, text: string) => {
      writeFileSync(join(this.directory, name), text, { mode: 0o600 });
      return join(this.directory, name);
    };
    const { seeds } = this;
    const systemAccount = publicKeyOf(seeds.systemAccount);
    const account = publicKeyOf(seeds.account);
    const config = natsServerConfig({
      preload: {
        [systemAccount]: await systemAccountClaims(seeds.operatorSigning, systemAccount),
        [account]: await accountClaims(seeds.operatorSigning, { ...accountKeysOf(seeds), agents: [] }),
      },
      operatorJwt: await operatorClaims(seeds.operator, {
        signingKeys: [publicKeyOf(seeds.operatorSigning)],
        systemAccount,
      }),
      systemAccount,
      resolverDirectory: this.claimsDirectory,
      certificateFile: file('server.crt', server.certificate),
      keyFile: file('server.key', server.privateKey),
      caFile: file('ca.crt', root.certificate),
      port: await freePort(),
    });
    file('nats.conf', config);
  }

  /** Starts it again on the same port; `empty` takes everything it was ever told. */
  async restart(options: { readonly empty?: boolean; readonly kill?: boolean } = {}): Promise<void> {
    await (options.kill ? this.#server?.kill() : this.#server?.stop());
    if (options.empty) rmSync(this.claimsDirectory, { recursive: true, force: true });
    mkdirSync(this.claimsDirectory, { recursive: true });
    this.#server = await startNatsServer({
      configFile: join(this.directory, 'nats.conf'),
      directory: this.directory,
    });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async #clientIdentity(credentials: string): Promise<BrokerIdentity> {
    const tls = await issueServiceCertificate(this.ca, {
      service: 'test',
      now: Date.now(),
      validForMs: HOUR,
    });
    return { ...parseCredentials(credentials), ...tls, trustBundle: this.ca.certificate };
  }

  /** May say and hear everything in the account: the receiver by whom an effect is judged, and no wall of ours. */
  async connectWitness(servers: readonly string[] = this.servers) {
    const { seeds } = this;
    const signer = { account: publicKeyOf(seeds.account), servicesSeed: seeds.services };
    const identity = await this.#clientIdentity(await witnessCredentials(signer));
    return connectNats({
      servers,
      identity: () => identity,
      inboxPrefix: '_INBOX.witness',
      name: 'witness',
    });
  }

  async serviceIdentity(service: Service): Promise<BrokerIdentity> {
    const { seeds } = this;
    const signer = { account: publicKeyOf(seeds.account), servicesSeed: seeds.services };
    return this.#clientIdentity(await serviceCredentials(signer, service, generateUserSeed()));
  }

  async connectService(service: Service, inboxPrefix = `_INBOX.svc.${service}`) {
    const identity = await this.serviceIdentity(service);
    return connectNats({ servers: this.servers, identity: () => identity, inboxPrefix, name: service });
  }

  async connectSystem() {
    const { seeds } = this;
    const identity = await this.#clientIdentity(
      await systemCredentials(seeds.systemAccount, publicKeyOf(seeds.account), this.#systemUser),
    );
    const options = { identity: () => identity, inboxPrefix: AUTHORITY_INBOX, name: 'authority' };
    return connectNats({ servers: this.servers, ...options });
  }

  /** Pushes the account's claims with the agents' key and these revocations, as the authority does. */
  async push(revocations: Revocations = {}): Promise<void> {
    const connection = await this.connectSystem();
    const claims = await accountClaims(this.seeds.operatorSigning, accountKeysOf(this.seeds), revocations);
    const answer = await connection.request('$SYS.REQ.CLAIMS.UPDATE', claims, { timeout: 5_000 });
    if (answer.json<{ error?: unknown }>().error) throw new Error(answer.string());
    await connection.close();
  }

  async agent(options: { orgId?: string; agentId?: string; lifeMs?: number } = {}): Promise<TestAgent> {
    const { orgId = newId('org'), agentId = newId('agt'), lifeMs = HOUR } = options;
    const { csr, privateKey } = await createCertificateRequest();
    const now = Date.now();
    const issued = await issueAgentCertificate(this.ca, {
      orgId,
      agentId,
      request: await readCertificateRequest(csr),
      now,
      validForMs: HOUR,
    });
    const seed = generateUserSeed();
    const jwt = await agentUserJwt(
      { account: publicKeyOf(this.seeds.account), agentsSeed: this.seeds.agents },
      { orgId, agentId, nkey: publicKeyOf(seed), certificateKeyId: issued.keyId, expiresAt: now + lifeMs },
    );
    const identity = {
      jwt,
      seed,
      privateKey,
      certificate: issued.certificate,
      trustBundle: this.ca.certificate,
    };
    return { orgId, agentId, nkey: publicKeyOf(seed), identity };
  }

  connectAgent(agent: TestAgent, overrides: { inboxPrefix?: string; reconnectWindowMs?: number } = {}) {
    return connectNats({
      servers: this.servers,
      identity: () => agent.identity,
      inboxPrefix: overrides.inboxPrefix ?? `_INBOX.${agent.agentId}`,
      name: agent.agentId,
      reconnectWindowMs: () => overrides.reconnectWindowMs ?? 500,
    });
  }
}
