import {
  AT_ONCE,
  manifestSigningInput,
  type PolicyDocument,
  type PolicyManifest,
  type PolicyPush,
  type PolicyTarget,
  policyPush,
  type RolloutPlan,
  type RpcPolicyReply,
  type RpcPolicyRequest,
  rpcPolicyReply,
} from '@keyfleet/contracts';
import { agentSubject, signTexts } from '@keyfleet/contracts/messages';
import { newNkeySeed, nkeySigner, verifyNkeySignature } from '@keyfleet/crypto';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore, eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { createCommandClient, GuardedNatsServer, handleCommand, type Service } from '@keyfleet/messaging';
import { type TestAgent, TestBroker } from '@keyfleet/messaging/testing';
import { createLogger, createMetrics, newId, systemClock } from '@keyfleet/platform';
import { agentReportsProjection } from '@keyfleet/policy/read-model';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { hostProjections, type MigrationSet, migrate, type ProjectionHost } from '@keyfleet/read-store';
import { agentsProjection, groupsProjection } from '@keyfleet/registry/read-model';
import { createTestDatabase, type TestDatabase } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { Controller, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { type Distribution, type DistributionOptions, startDistribution } from '../distribution/start.js';
import { POLICY_SETS } from '../migration-sets.js';

/** In the order they run in an installation. */
const SETS: readonly MigrationSet[] = [
  {
    owner: 'event-store',
    migrations: eventStoreMigrations.map(({ name, up }) => ({ name, up: (tx: unknown) => up(tx as never) })),
  } as MigrationSet,
  ...POLICY_SETS,
];

export const allow = (id: string, path = 'team/**'): PolicyDocument => ({
  statements: [{ id, effect: 'allow', principals: ['*'], actions: ['read'], resources: [path] }],
});

/** A real broker, database and event store with what the registry does for this service, but for agents' journals. */
export class World {
  readonly broker: TestBroker;
  readonly database: TestDatabase;
  readonly store: EventStore;
  readonly sql: Sql;
  /** Command keys; the first one signs. */
  readonly keys = [nkeySigner(newNkeySeed())];
  /** Texts that were signed, by purpose. */
  readonly signed: string[][] = [];
  readonly #host: ProjectionHost;
  readonly #closing: (() => Promise<unknown>)[] = [];

  private constructor(broker: TestBroker, database: TestDatabase) {
    this.broker = broker;
    this.database = database;
    this.store = createPostgresEventStore({ url: database.urlFor('kf_store') });
    this.sql = createSql({ url: database.urlFor('kf_worker'), applicationName: 'world', max: 6 });
    this.#host = hostProjections({
      sql: this.sql,
      store: this.store,
      projections: [agentsProjection, groupsProjection, agentReportsProjection],
    });
  }

  get key() {
    return this.keys[0] as ReturnType<typeof nkeySigner>;
  }

  /** Another command key signs from now on. */
  rotateKey(): void {
    this.keys.unshift(nkeySigner(newNkeySeed()));
  }

  static async start(): Promise<World> {
    const [broker, database] = await Promise.all([TestBroker.start(), createTestDatabase()]);
    await migrate({ ownerUrl: database.url, sets: SETS });
    await broker.push();
    const world = new World(broker, database);
    await world.#answerForTheAuthority();
    return world;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#closing.splice(0).map((close) => close()));
    await this.#host.close();
    await this.store.close();
    await closeSql(this.sql, 1_000);
    await this.broker.stop();
    await this.database.drop();
  }

  /** Another replica of what distributes. */
  async distribution(given: Partial<DistributionOptions> = {}): Promise<Distribution> {
    const nats = await this.broker.connectService('policy');
    const commands = createCommandClient(await this.#brokerOptions('policy'));
    const sql = createSql({ url: this.database.urlFor('kf_worker'), applicationName: 'policy', max: 4 });
    const distribution = await startDistribution({
      ...{ sql, nats, commands, store: this.store, workerUrl: this.database.urlFor('kf_worker') },
      ...{ clock: systemClock, logger: createLogger({ service: 'policy', version: '0', level: 'error' }) },
      ...{ metrics: createMetrics({ service: 'policy', version: '0', runtime: false }), actor: 'svc_policy' },
      ...{ leaseTtlMs: 1_000, leaseRetryMs: 100, sweepMs: 1_000, lookMs: 200 },
      ...given,
    });
    let closed: Promise<void> | undefined;
    const close = () => {
      closed ??= distribution
        .close()
        .then(() => Promise.all([commands.close(), nats.close(), closeSql(sql, 1_000)]))
        .then(() => undefined);
      return closed;
    };
    this.#closing.push(close);
    return { close };
  }

  async append(stream: string, orgId: string, facts: readonly (readonly [string, object])[]): Promise<void> {
    const revision = await this.store.streamRevision(stream);
    const at = new Date().toISOString();
    const events = facts.map(([type, data]) => ({
      ...{ id: newId('evt'), type, v: 1, data, metadata: { orgId, actor: 'usr_1', at } },
    }));
    const result = await this.store.append(stream, revision ?? 'no-stream', events);
    if (result.outcome !== 'appended') throw new Error(`${stream} was changed by somebody else`);
  }

  /** Enrols an agent and connects it; it is online. */
  async agent(orgId: string, labels: Record<string, string> = {}): Promise<ModelAgent> {
    const known = await this.broker.agent({ orgId });
    await this.enrol(orgId, known.agentId, labels);
    const agent = new ModelAgent(this, known, await this.broker.connectAgent(known));
    this.#closing.push(() => agent.connection.close());
    return agent;
  }

  async enrol(orgId: string, agentId: string, labels: Record<string, string> = {}): Promise<void> {
    const certificateExpiresAt = '2100-01-01T00:00:00.000Z';
    const facts = { agentId, name: 'site-1', nkey: `U${'A'.repeat(55)}`, labels, version: '1.0.0' };
    await this.append(`agent-${agentId}`, orgId, [['AgentEnrolled', { ...facts, certificateExpiresAt }]]);
    await this.seen(orgId, agentId, { state: 'online' });
  }

  async seen(
    orgId: string,
    agentId: string,
    { state = 'online', version = null, hash = null }: Seen,
  ): Promise<void> {
    await this.sql`
      insert into registry.agent_last_seen (agent_id, org_id, state, policy_version, policy_hash)
      values (${agentId}, ${orgId}, ${state}, ${version}, ${hash})
      on conflict (agent_id) do update set state = excluded.state, policy_version = excluded.policy_version,
        policy_hash = excluded.policy_hash`;
  }

  /** Written and published with its rollout, as one append. */
  async publish(orgId: string, given: Publication = {}): Promise<string> {
    const { policyId = newId('pol'), version = 1, from = null, plan = AT_ONCE } = given;
    const { document = allow(`v${version}`), target = { kind: 'organisation' } } = given;
    const hash = 'a'.repeat(64);
    const drafted = { policyId, name: 'a policy', draft: version, document, hash, basedOn: null };
    const published = { policyId, version, hash, document, draft: version, restores: null };
    await this.append(`policy-${policyId}`, orgId, [
      ['PolicyDrafted', drafted],
      ...(version === 1 ? [['PolicyAssigned', { policyId, assignmentId: 'one', target }] as const] : []),
      ['PolicyPublished', published],
      ['RolloutStarted', { policyId, version, from, plan }],
    ]);
    return policyId;
  }

  async desired(agentId: string): Promise<Desired | undefined> {
    const [row] = await this.sql<Desired[]>`
      select version::int, hash, policies, manifest from policy.desired where agent_id = ${agentId}`;
    return row;
  }

  async typesOf(policyId: string): Promise<string[]> {
    return (await this.store.readStream(`policy-${policyId}`)).map(({ type }) => type);
  }

  async #brokerOptions(service: Service) {
    const identity = await this.broker.serviceIdentity(service);
    const inboxPrefix = `_INBOX.svc.${service}`;
    return { servers: this.broker.servers, identity: () => identity, inboxPrefix, name: service };
  }

  async #answerForTheAuthority(): Promise<void> {
    const { signed } = this;
    const answer = handleCommand(signTexts, async ({ purpose, texts }) => {
      const { key } = this;
      signed.push(texts.map((lines) => lines.join('\n')));
      return {
        data: { key: key.nkey, signatures: texts.map((lines) => key.sign([purpose, ...lines].join('\n'))) },
      };
    });
    @Controller()
    class Authority {
      @MessagePattern(signTexts.subject)
      sign(@Payload() message: unknown) {
        return answer(message);
      }
    }
    @Module({ controllers: [Authority] })
    class Registry {}
    const strategy = new GuardedNatsServer({
      service: 'registry',
      broker: await this.#brokerOptions('registry'),
    });
    const app = await NestFactory.createMicroservice(Registry, { strategy, logger: false });
    await app.listen();
    this.#closing.push(() => (app as INestApplicationContext).close());
  }
}

export interface Seen {
  readonly state?: 'online' | 'offline';
  readonly version?: number | null;
  readonly hash?: string | null;
}

export interface Publication {
  readonly policyId?: string;
  readonly version?: number;
  readonly from?: number | null;
  readonly plan?: RolloutPlan;
  readonly document?: PolicyDocument;
  readonly target?: PolicyTarget;
}

export interface Desired {
  readonly version: number;
  readonly hash: string;
  readonly policies: readonly { readonly policyId: string; readonly version: number }[];
  readonly manifest: PolicyManifest | null;
}

/** An agent as far as this service knows it: it hears pushes, asks, and writes in its journal what became of it. */
export class ModelAgent {
  readonly orgId: string;
  readonly agentId: string;
  readonly connection: NatsConnection;
  /** Manifests pushed so far, each with a good signature. */
  readonly pushed: PolicyManifest[] = [];
  /** The pushes as they came. */
  readonly pushes: PolicyPush[] = [];
  readonly #world: World;

  constructor(world: World, { orgId, agentId }: TestAgent, connection: NatsConnection) {
    this.orgId = orgId;
    this.agentId = agentId;
    this.connection = connection;
    this.#world = world;
    connection.subscribe(agentSubject(this, 'cmd'), {
      callback: (_error, message) => {
        const push = policyPush.parse(message.json());
        const { manifest } = push;
        this.verify(manifest);
        this.pushes.push(push);
        this.pushed.push(manifest);
      },
    });
  }

  verify(manifest: PolicyManifest): void {
    if (!this.#world.keys.some(({ nkey }) => nkey === manifest.key)) throw new Error('another key');
    if (!verifyNkeySignature(manifest.key, manifestSigningInput(manifest), manifest.signature))
      throw new Error('not signed');
  }

  async ask(request: RpcPolicyRequest): Promise<RpcPolicyReply> {
    const subject = agentSubject(this, 'rpc.policy');
    const reply = await this.connection.request(subject, JSON.stringify(request), { timeout: 5_000 });
    return rpcPolicyReply.parse(reply.json());
  }

  /** The journal entry of having applied it, or refused it. */
  async report(manifest: PolicyManifest, code?: 'hash' | 'invalid' | 'older'): Promise<void> {
    const { version, hash } = manifest;
    const data = code ? { version, hash, code } : { version, hash };
    await this.journal(code ? 'PolicyRejected' : 'PolicyApplied', data);
  }

  async journal(type: string, data: object): Promise<void> {
    await this.#world.append(`journal-${this.agentId}.1`, this.orgId, [[type, data]]);
  }
}
