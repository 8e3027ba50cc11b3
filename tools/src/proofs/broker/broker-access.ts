import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BrokerIdentity,
  type BrokerOptions,
  connectNats,
  identityFromFiles,
  parseCredentials,
  type Service,
} from '@keyfleet/messaging';
import { witnessCredentials } from '@keyfleet/messaging/testing';
import type { NatsConnection } from '@nats-io/transport-node';

/** An agent as it stands after enrolment. */
export interface ProofAgent {
  readonly orgId: string;
  readonly agentId: string;
  readonly nkey: string;
  readonly expiresAt: string;
  readonly identity: BrokerIdentity;
}

type Connecting = Pick<BrokerOptions, 'identity' | 'name' | 'inboxPrefix'>;

/** The broker of an installation whose files lie in a directory as `init` writes them. */
export class BrokerAccess {
  readonly #directory: string;
  readonly servers: readonly string[];

  constructor(directory: string, url: string) {
    this.#directory = directory;
    this.servers = [url];
  }

  connect(options: Connecting): Promise<NatsConnection> {
    const { servers } = this;
    return connectNats({ servers, reconnectWindowMs: () => 300, attemptTimeoutMs: 5_000, ...options });
  }

  connectAgent({ agentId, identity }: ProofAgent): Promise<NatsConnection> {
    return this.connect({ identity: () => identity, name: agentId, inboxPrefix: `_INBOX.${agentId}` });
  }

  /** Bound by nothing in the account: the receiver by whom effects are judged. */
  connectWitness(): Promise<NatsConnection> {
    return this.connect({ identity: this.witnessIdentity(), name: 'witness', inboxPrefix: '_INBOX.witness' });
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
    const file = (name: string) => join(this.#directory, 'services', service, name);
    return identityFromFiles({
      credentialsFile: file('nats.creds'),
      certificateFile: file('tls.crt'),
      keyFile: file('tls.key'),
      caFile: file('ca.crt'),
    });
  }

  /** Made once: the same witness comes back after a restart. */
  witnessIdentity(): () => BrokerIdentity {
    const credentials = this.#witness;
    const tls = this.serviceIdentity('registry')();
    return () => ({ ...tls, ...credentials });
  }

  get account(): string {
    return (JSON.parse(this.#read('installation.json')) as { account: string }).account;
  }

  /** Key material, for the proof to forge with. */
  signer(name: 'agents' | 'services'): string {
    return this.#read(`${name}.nk`);
  }

  /** Takes away everything the broker was ever told. */
  emptyClaims(): void {
    rmSync(join(this.#directory, 'nats', 'claims'), { recursive: true, force: true });
  }

  async prepare(): Promise<void> {
    const signer = { account: this.account, servicesSeed: this.signer('services') };
    this.#witness = parseCredentials(await witnessCredentials(signer));
  }

  #witness = { jwt: '', seed: '' };

  #read(name: string): string {
    return readFileSync(join(this.#directory, 'authority', name), 'utf8').trim();
  }
}
