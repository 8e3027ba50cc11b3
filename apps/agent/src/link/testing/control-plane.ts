import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GENESIS_HASH,
  type Heartbeat,
  heartbeat,
  type JournalEntry,
  type JournalReply,
  journalBatch,
  type SyncReply,
} from '@keyfleet/contracts';
import { VAULT_EVENTS } from '@keyfleet/contracts/events';
import { type AgentIdentity, enrolRequest, renewRequest } from '@keyfleet/contracts/http';
import { type AgentCommand, agentSubject, commandSigningInput } from '@keyfleet/contracts/messages';
import { issueAgentCertificate, newNkeySeed, nkeySigner, readCertificateRequest } from '@keyfleet/crypto';
import { agentUserJwt, listenToAgents, publicKeyOf } from '@keyfleet/messaging';
import { TestBroker } from '@keyfleet/messaging/testing';
import { newId } from '@keyfleet/platform';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Gateway, startGateway } from './gateway.js';
import { TestPolicies } from './policies.js';

export interface ControlPlaneOptions {
  /** How long credentials live. */
  readonly lifeMs?: number;
  readonly reconnectWindowMs?: number;
  /** Where agents are told to find the broker; the broker itself by default. */
  readonly brokerUrls?: (broker: TestBroker) => string[];
}

/**
 * A real broker in operator mode and a real HTTPS edge, with a registry that keeps what agents say in memory: it takes
 * every batch that follows on what it has.
 */
export class TestControlPlane {
  readonly orgId = newId('org');
  readonly beats: Heartbeat[] = [];
  readonly entries: JournalEntry[] = [];
  readonly syncs: string[] = [];
  readonly revoked = new Set<string>();
  /** Enrolled after the backup this plane was restored from: known again once they show what they were given. */
  readonly forgotten = new Set<string>();
  renewals = { nats: 0, https: 0 };
  /** Its edge answers, and what is behind it is away. */
  away = false;
  enrolments = 0;
  readonly #commandKey = nkeySigner(newNkeySeed());
  readonly policies = new TestPolicies(this.orgId, this.#commandKey);
  readonly #nkeys = new Map<string, { nkey: string; agentId: string }>();
  readonly #options: ControlPlaneOptions;
  broker!: TestBroker;
  gateway!: Gateway;
  #service: NatsConnection | undefined;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  static async start(options: ControlPlaneOptions = {}): Promise<TestControlPlane> {
    const plane = new TestControlPlane(options);
    plane.broker = await TestBroker.start();
    await plane.broker.push();
    await plane.startGateway();
    await plane.listen();
    return plane;
  }

  async startGateway(): Promise<void> {
    this.gateway = await startGateway({
      authority: this.broker.ca,
      routes: {
        '/api/v1/enrol': async (body) => {
          this.enrolments += 1;
          const { csr, nkey } = enrolRequest.parse(body);
          const agentId = this.#nkeys.get(nkey)?.agentId ?? newId('agt');
          this.#nkeys.set(nkey, { nkey, agentId });
          return { status: 201, body: await this.issue(agentId, csr) };
        },
        '/api/v1/renew': async (body) => {
          this.renewals.https += 1;
          if (this.away) return { status: 503, body: { code: 'service.unavailable' } };
          const { agentId, csr, enrolment } = renewRequest.parse(body);
          if (this.revoked.has(agentId)) return { status: 403, body: { code: 'agent.revoked' } };
          if (this.forgotten.has(agentId) && !enrolment)
            return { status: 404, body: { code: 'agent.unknown' } };
          this.forgotten.delete(agentId);
          return { status: 200, body: await this.issue(agentId, csr) };
        },
      },
    });
  }

  nkeyOf(agentId: string): string {
    const known = [...this.#nkeys.values()].find((one) => one.agentId === agentId);
    if (!known) throw new Error('not enrolled here');
    return known.nkey;
  }

  async issue(agentId: string, csr: string): Promise<AgentIdentity> {
    const { broker, orgId } = this;
    const { lifeMs = 3_600_000, reconnectWindowMs = 500 } = this.#options;
    const now = Date.now();
    const request = await readCertificateRequest(csr, agentId);
    const issued = await issueAgentCertificate(broker.ca, {
      orgId,
      agentId,
      request,
      now,
      validForMs: lifeMs,
    });
    const nkey = this.nkeyOf(agentId);
    const { account, agents } = broker.seeds;
    const signer = { account: publicKeyOf(account), agentsSeed: agents };
    const expiresAt = now + lifeMs;
    const jwt = await agentUserJwt(signer, {
      orgId,
      agentId,
      nkey,
      certificateKeyId: issued.keyId,
      expiresAt,
    });
    return {
      ...{
        agentId,
        orgId,
        jwt,
        certificate: issued.certificate,
        epoch: 1,
        prev: GENESIS_HASH,
        reconnectWindowMs,
      },
      expiresAt: new Date(expiresAt).toISOString(),
      brokerUrls: this.#options.brokerUrls?.(broker) ?? broker.servers,
      trustBundle: [broker.ca.certificate],
      commandKeys: [this.#commandKey.nkey],
    };
  }

  /** As if nobody had ever been here: for the next agent. */
  forget(): void {
    this.beats.length = 0;
    this.entries.length = 0;
    this.policies.forget();
  }

  /** The registry's side of the broker. */
  async listen(): Promise<void> {
    const service = await this.broker.connectService('registry');
    this.#service = service;
    const json = (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString('utf8'));
    const queue = 'registry';
    listenToAgents(service, { kind: 'hb', queue }, ({ data }) => {
      this.beats.push(heartbeat.parse(json(data)));
      return undefined;
    });
    listenToAgents(service, { kind: 'rpc.sync', queue }, ({ caller }) => this.#sync(caller.agentId));
    listenToAgents(service, { kind: 'ev', queue }, ({ data }) => this.#take(json(data)));
    listenToAgents(service, { kind: 'rpc.renew', queue }, ({ caller, data }) => {
      this.renewals.nats += 1;
      return this.issue(caller.agentId, (json(data) as { csr: string }).csr);
    });
    await service.flush();
    await this.policies.listen(await this.broker.connectService('policy'));
  }

  #sync(agentId: string): SyncReply {
    this.syncs.push(agentId);
    if (this.forgotten.has(agentId)) return { code: 'agent.unknown' };
    const last = this.entries.at(-1);
    return {
      ...{ epoch: 1, prev: GENESIS_HASH, rechainFrom: null, reconnectWindowMs: 500 },
      watermark: { seq: last?.seq ?? 0, hash: last?.hash ?? GENESIS_HASH },
      acceptedEvents: Object.fromEntries(VAULT_EVENTS.map(({ type, v }) => [type, [v]])),
      trustBundle: [this.broker.ca.certificate],
      commandKeys: [this.#commandKey.nkey],
    };
  }

  #take(message: unknown): JournalReply {
    const entries = journalBatch.parse(message).entries as JournalEntry[];
    const known = this.entries.length;
    this.entries.push(...entries.filter(({ seq }) => seq > known));
    const last = entries.at(-1) as JournalEntry;
    return { epoch: 1, seq: last.seq, hash: last.hash };
  }

  /** Publishes a signed command on the agent's subject. */
  tell(agentId: string, verb: AgentCommand['verb'], args: AgentCommand['args'] = {}): void {
    const { orgId } = this;
    const issuedAt = new Date().toISOString();
    const expiresAt = new Date(Date.now() + 30_000).toISOString();
    const key = this.#commandKey.nkey;
    const unsigned = { v: 1 as const, id: newId('cmd'), agentId, verb, args, issuedAt, expiresAt, key };
    const signature = this.#commandKey.sign(commandSigningInput(unsigned));
    this.#service?.publish(
      agentSubject({ orgId, agentId }, 'cmd'),
      JSON.stringify({ ...unsigned, signature }),
    );
  }

  /** Resolves once its services are connected, as some time after a broker came back: what they say before is lost. */
  async ready(): Promise<void> {
    await waitFor(() => this.#service?.flush().then(() => true));
    await this.policies.ready();
  }

  /** A file with a token that is good here; another letter, another token. */
  tokenFile(letter = 's'): string {
    const path = join(temporaryDirectory('token'), 'token');
    writeFileSync(path, `kfe_${this.gateway.pin}_${letter.repeat(43)}\n`);
    return path;
  }

  async close(): Promise<void> {
    await this.#service?.close();
    await this.policies.close();
    await this.gateway.close();
    await this.broker.stop();
  }
}
