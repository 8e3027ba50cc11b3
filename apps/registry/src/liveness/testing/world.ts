import type { EventStore, RecordedEvent } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { newId } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { migrate, projectionsMigrations } from '@keyfleet/read-store';
import { livenessMigrations } from '@keyfleet/registry/read-model';
import {
  createTestDatabase,
  type FaultProxy,
  startFaultProxy,
  TestClock,
  type TestDatabase,
  testNats,
} from '@keyfleet/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startLiveness } from '../liveness.js';
import type { Liveness, LivenessOptions } from '../options.js';
import { beatsOf, enrolment, newAgent, type TestAgent } from './agents.js';

type Nats = Awaited<ReturnType<typeof testNats>>;

/** An agent that beats on its own as `pass` lets time go by. */
export interface LivingAgent extends TestAgent {
  alive: boolean;
  /** Milliseconds into its 27 s cadence. */
  readonly phase: number;
}

const CADENCE_MS = 27_000;
const STEP_MS = 5_000;

/** Real PostgreSQL and NATS, an event store in memory, and time that moves when told. */
export class LivenessWorld {
  readonly clock = new TestClock();
  readonly store: EventStore = createInMemoryEventStore({ clock: this.clock });
  readonly installationId = newId('ins');
  readonly agents: LivingAgent[] = [];
  readonly errors: unknown[] = [];
  readonly #open: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly database: TestDatabase,
    readonly sql: Sql,
    readonly nats: Nats,
    readonly fleet: NatsConnection,
  ) {}

  static async create(): Promise<LivenessWorld> {
    const database = await createTestDatabase({
      template: {
        key: 'liveness',
        prepare: async ({ url }) => {
          const projections = { owner: 'projections', migrations: projectionsMigrations };
          await migrate({ ownerUrl: url, sets: [projections, livenessMigrations] });
        },
      },
    });
    const sql = createSql({ url: database.urlFor('kf_worker'), applicationName: 'world', max: 4 });
    const nats = await testNats();
    const world = new LivenessWorld(database, sql, nats, await connectTo(nats.url));
    return world;
  }

  /** A registry replica whose steps are taken by `pass`; its ways to broker and database can be cut. */
  async replica(changes: Partial<LivenessOptions> = {}): Promise<TestReplica> {
    const broker = await startFaultProxy({ port: this.nats.port });
    const database = await startFaultProxy({ port: Number(new URL(this.database.url).port) });
    const nats = await connectTo(broker.through(this.nats.url));
    const sql = createSql({
      url: database.through(this.database.urlFor('kf_worker')),
      applicationName: 'replica',
      max: 4,
      connectTimeoutMs: 1_000,
    });
    const liveness = await startLiveness({
      sql,
      store: this.store,
      nats,
      clock: this.clock,
      installationId: this.installationId,
      replicaId: `replica-${this.#open.length}`,
      logger: {
        info: () => {},
        warn: ({ err }: { err?: unknown }) => this.errors.push(err),
        error: () => {},
      } as never,
      loops: false,
      canaryWaitMs: 40,
      ...changes,
    });
    let closed = false;
    const end = async (leave: boolean): Promise<void> => {
      if (closed) return;
      closed = true;
      if (leave) await liveness.close();
      await nats.close();
      await closeSql(sql, 100);
      await Promise.all([broker.close(), database.close()]);
    };
    this.#open.push(() => end(false));
    return { liveness, nats, broker, database, close: () => end(true), kill: () => end(false) };
  }

  async enrol(count: number, orgId: string = newId('org')): Promise<LivingAgent[]> {
    const enrolled = Array.from({ length: count }, (_, index) => ({
      ...newAgent(orgId),
      alive: true,
      phase: (index * 7_919) % CADENCE_MS,
    }));
    for (const agent of enrolled) await this.store.append(...enrolment(agent));
    this.agents.push(...enrolled);
    return enrolled;
  }

  /** Sends beats of these agents now and waits until the broker has handed them out. */
  async beat(agents: readonly TestAgent[], replicas: readonly TestReplica[]): Promise<void> {
    for (const agent of agents) {
      const { subject, payload } = beatsOf(agent);
      this.fleet.publish(subject, payload);
    }
    await this.fleet.flush();
    // Where its way to the broker is cut, nothing comes.
    for (const { nats } of replicas) await nats.flush().catch(() => undefined);
  }

  /** Time goes by: agents that live beat on their cadence, replicas take their steps every 5 s. */
  async pass(seconds: number, ...replicas: readonly TestReplica[]): Promise<void> {
    for (let passed = 0; passed < seconds * 1_000; passed += STEP_MS) {
      this.clock.advance(STEP_MS);
      const now = this.clock.now();
      const due = this.agents.filter(({ alive, phase }) => alive && (now + phase) % CADENCE_MS < STEP_MS);
      await this.beat(due, replicas);
      for (const { liveness } of replicas) await liveness.watch();
      for (const { liveness } of replicas) await liveness.idle();
    }
  }

  /** Time goes by while no beat gets through. */
  async passWithoutBeats(seconds: number, ...replicas: readonly TestReplica[]): Promise<void> {
    const alive = this.agents.filter((agent) => agent.alive);
    for (const agent of alive) agent.alive = false;
    await this.pass(seconds, ...replicas);
    for (const agent of alive) agent.alive = true;
  }

  /** As the projection of enrolments and groups would have it. */
  async watch(agent: TestAgent, row: { offlineAfter: number; revoked?: boolean }): Promise<void> {
    const at = new Date(this.clock.now());
    await this.sql`
      insert into registry.watched_agents_v1 (agent_id, org_id, version, labels, enrolled_at, offline_after, revoked)
      values (${agent.agentId}, ${agent.orgId}, ${agent.version}, '{}', ${at}, ${row.offlineAfter}, ${row.revoked ?? false})`;
  }

  async events(...types: readonly string[]): Promise<readonly RecordedEvent[]> {
    const { events } = await this.store.readAll({ limit: 100_000, filter: { types } });
    return events;
  }

  async states(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.sql<{ state: string; n: number }[]>`
      select state, count(*)::int as n from registry.agent_last_seen group by state`;
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }

  async close(): Promise<void> {
    for (const close of this.#open) await close().catch(() => undefined);
    await this.fleet.close();
    await closeSql(this.sql, 100);
    await this.nats.stop();
    await this.database.drop();
  }
}

export interface TestReplica {
  readonly liveness: Liveness;
  readonly nats: NatsConnection;
  /** Its ways to NATS and PostgreSQL. */
  readonly broker: FaultProxy;
  readonly database: FaultProxy;
  close(): Promise<void>;
  /** Says no goodbye. */
  kill(): Promise<void>;
}

/** Nothing goes through any more, as if the server behind had been stopped. */
export function cut(proxy: FaultProxy): void {
  proxy.set({ mode: 'refuse' });
  proxy.reset();
}

function connectTo(url: string): Promise<NatsConnection> {
  return connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 10 });
}
