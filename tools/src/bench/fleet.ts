import { join } from 'node:path';
import { batchSigningInput, GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { AgentEnrolled, make } from '@keyfleet/contracts/events';
import { agentSubject } from '@keyfleet/contracts/messages';
import { chainEntry, newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import type { EventStore, StreamAppend } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { agentUserJwt, type BrokerIdentity } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import postgres from 'postgres';
import { Stack } from '../e2e/stack.js';
import { BrokerAccess } from '../proofs/broker/broker-access.js';

const HOUR = 3_600_000;
const CATCH_UP_CEILING_MS = 600_000;

/** An agent as far as a load needs one: it chains and signs, and sends when it is told. */
export class BenchAgent {
  readonly agentId = newId('agt');
  readonly orgId: string;
  readonly #seed = newNkeySeed();
  readonly #signer = nkeySigner(this.#seed);
  #head = { seq: 0, hash: GENESIS_HASH };

  constructor(orgId: string) {
    this.orgId = orgId;
  }

  get nkey(): string {
    return this.#signer.nkey;
  }

  get seed(): string {
    return this.#seed;
  }

  get subject(): string {
    return agentSubject(this, 'ev');
  }

  enrolment(): StreamAppend {
    const { agentId, orgId, nkey } = this;
    const at = new Date().toISOString();
    const fact = make(AgentEnrolled, {
      agentId,
      name: `site-${agentId.slice(-8)}`,
      nkey,
      labels: { site: agentId.slice(-2), env: 'bench' },
      version: '1.0.0',
      tokenId: newId('etk'),
      serial: '01',
      certificateExpiresAt: new Date(Date.now() + 24 * HOUR).toISOString(),
    });
    return {
      stream: `agent-${agentId}`,
      expectedRevision: 'no-stream',
      events: [{ ...fact, id: newId('evt'), metadata: { orgId, actor: agentId, at } }],
    };
  }

  /** The next so many entries as one signed batch, as bytes on the wire. */
  batch(entries: number): Uint8Array {
    const { agentId, orgId } = this;
    const at = new Date().toISOString();
    const chained: JournalEntry[] = [];
    for (let n = 0; n < entries; n += 1) {
      const { seq, hash: prev } = this.#head;
      const entry = chainEntry({
        id: newId('evt'),
        orgId,
        agentId,
        epoch: 1,
        seq: seq + 1,
        type: 'SecretUpdated',
        v: 1,
        at,
        data: { path: `team/app-${seq % 50}/db-password`, version: seq + 1, principal: 'app:billing' },
        prev,
      });
      chained.push(entry);
      this.#head = { seq: seq + 1, hash: entry.hash };
    }
    const { seq, hash } = this.#head;
    const signature = this.#signer.sign(batchSigningInput({ agentId, epoch: 1, seq, hash }));
    return Buffer.from(JSON.stringify({ v: 1, agentId, epoch: 1, entries: chained, signature }));
  }
}

/** The whole product without agents of its own, and ways in for a load that are the harness's alone. */
export class BenchFleet {
  readonly stack: Stack;
  readonly store: EventStore;
  readonly sql: postgres.Sql;
  readonly broker: BrokerAccess;

  private constructor(stack: Stack, broker: BrokerAccess) {
    this.stack = stack;
    this.broker = broker;
    this.store = createPostgresEventStore({ url: stack.run.eventStore.url, name: 'bench' });
    this.sql = postgres(stack.run.postgres.url, { max: 2, onnotice: () => {} });
  }

  static async start(directory: string): Promise<BenchFleet> {
    const stack = await Stack.start({ directory, agents: 0 });
    const broker = new BrokerAccess(join(directory, '.keyfleet'), stack.run.nats.url);
    await broker.prepare();
    return new BenchFleet(stack, broker);
  }

  get orgId(): string {
    return this.stack.run.orgs[0]?.id ?? '';
  }

  /** Agents that were enrolled as far as the event store is concerned. */
  async enrol(count: number): Promise<BenchAgent[]> {
    const agents = Array.from({ length: count }, () => new BenchAgent(this.orgId));
    for (let from = 0; from < count; from += 1_000)
      await this.store.appendBatch(agents.slice(from, from + 1_000).map((agent) => agent.enrolment()));
    return agents;
  }

  /** A connection as the agent's own. */
  async connect(agent: BenchAgent): Promise<NatsConnection> {
    const { orgId, agentId, nkey, seed } = agent;
    const signer = { account: this.broker.account, agentsSeed: this.broker.signer('agents') };
    const expiresAt = Date.now() + HOUR;
    const jwt = await agentUserJwt(signer, {
      orgId,
      agentId,
      nkey,
      certificateKeyId: '0'.repeat(64),
      expiresAt,
    });
    const identity: BrokerIdentity = { ...this.broker.serviceIdentity('registry')(), jwt, seed };
    return this.broker.connect({ identity: () => identity, name: agentId, inboxPrefix: `_INBOX.${agentId}` });
  }

  /** Until every projection has seen everything there is. */
  async caughtUp(): Promise<void> {
    await waitFor(async () => (await this.behind()).every(({ events }) => events === 0), {
      ceilingMs: CATCH_UP_CEILING_MS,
      what: 'every projection at the head',
    });
  }

  /** For each projection, how many events it has before it and how old the oldest of them is, in seconds. */
  async behind(): Promise<readonly { projection: string; events: number; seconds: number }[]> {
    return this.sql`
      with head as (select coalesce(max(position), 0) as position from store.events)
      select c.projection, (head.position - coalesce(c.position, '0')::bigint)::int as events,
        coalesce((select extract(epoch from clock_timestamp() - e.recorded_at) from store.events e
                   where e.position > coalesce(c.position, '0')::bigint order by e.position limit 1), 0)::float8 as seconds
      from projections.checkpoints c, head where c.state = 'current'`;
  }

  /** The sum over a service's metric of this name, over all its labels or those that fit. */
  async metric(service: string, name: string, label = ''): Promise<number> {
    const { operationsUrl } = this.stack.run.services.find((one) => one.name === service) ?? {};
    const text = await (await fetch(`${operationsUrl}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Stops services in their tracks, or lets them go on. */
  signal(names: readonly string[], signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const { name, pid } of this.stack.run.services) if (names.includes(name)) process.kill(pid, signal);
  }

  async stop(): Promise<void> {
    await this.store.close();
    await this.sql.end();
    await this.stack.stop();
  }
}
