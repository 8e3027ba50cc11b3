import { type JournalEntry, type JournalReply, journalStream } from '@keyfleet/contracts';
import { agentInbox, agentSubject } from '@keyfleet/contracts/messages';
import type { EventStore } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import type { Drop } from '@keyfleet/messaging';
import { systemClock } from '@keyfleet/platform';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { testNats, waitFor } from '@keyfleet/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { registryDatabase } from '../testing/database.js';
import type { AdmissionLimits } from './admission.js';
import { type IngestService, startIngest } from './start.js';
import { ModelAgent } from './testing/model-agent.js';

/** Ingest as it runs: a real broker before it, a real PostgreSQL behind it. */
let database: Awaited<ReturnType<typeof registryDatabase>>;
let nats: Awaited<ReturnType<typeof testNats>>;
let store: EventStore;
let sql: Sql;
let dropped: Drop[];
const open: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await registryDatabase();
  nats = await testNats('listen: "127.0.0.1:-1"\nmax_payload: 524288\n');
  store = createPostgresEventStore({ url: database.urlFor('kf_store') });
  sql = createSql({ url: database.urlFor('kf_worker'), applicationName: 'ingest spec', max: 4 });
});
beforeEach(() => {
  dropped = [];
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
afterAll(async () => {
  await store.close();
  await closeSql(sql);
  await nats.stop();
  await database.drop();
});

async function replica(admission?: AdmissionLimits): Promise<IngestService> {
  const connection = await connect({ servers: nats.url, inboxPrefix: '_INBOX.svc.registry' });
  const errors: unknown[] = [];
  const service = startIngest({
    ...{ sql, store, nats: connection, clock: systemClock, actor: 'svc_registry', admission },
    logger: { error: (...said: unknown[]) => void errors.push(said) },
    announcements: { reconnectWindowMs: () => 5_000, trustBundle: () => ['x'], commandKeys: () => [] },
    onDropped: (drop) => dropped.push(drop),
  });
  await connection.flush();
  open.push(async () => {
    await service.close();
    await connection.close();
    expect(errors).toEqual([]);
  });
  return service;
}

async function connected(agent: ModelAgent): Promise<NatsConnection> {
  const connection = await connect({ servers: nats.url, inboxPrefix: agentInbox(agent.agentId) });
  open.push(() => connection.close());
  return connection;
}

const ask = async (connection: NatsConnection, agent: ModelAgent, entries: readonly unknown[]) =>
  (await connection.request(agent.subject, agent.batch(entries), { timeout: 15_000 })).json<JournalReply>();

const hashOf = (entries: readonly JournalEntry[]) => entries.at(-1)?.hash;

describe('ingest behind a broker', () => {
  it('answers with the watermark once PostgreSQL has committed, whichever replica it is', async () => {
    await replica();
    await replica();
    const agent = await new ModelAgent().enrol(store);
    const connection = await connected(agent);
    for (let round = 1; round <= 10; round += 1) {
      const entries = agent.recordMany(7);
      expect(await ask(connection, agent, entries)).toEqual({
        epoch: 1,
        seq: round * 7,
        hash: hashOf(entries),
      });
    }
    const events = await store.readStream(journalStream(agent.agentId, 1));
    expect(events.map(({ id }) => id)).toEqual(agent.entries.map(({ id }) => id));
    expect(events.map(({ metadata }) => metadata.journal?.hash)).toEqual(
      agent.entries.map(({ hash }) => hash),
    );
  });

  it('S2: answers into no inbox but that of the agent the subject names', async () => {
    await replica();
    const agent = await new ModelAgent().enrol(store);
    const victim = await new ModelAgent().enrol(store);
    const thief = await connect({ servers: nats.url, inboxPrefix: agentInbox(victim.agentId) });
    open.push(() => thief.close());
    const heard: string[] = [];
    thief.subscribe('_INBOX.>', { callback: (_, { subject }) => void heard.push(subject) });
    thief.publish(agent.subject, agent.batch(agent.recordMany(1)), {
      reply: `${agentInbox(victim.agentId)}.x`,
    });
    thief.publish(agent.subject, agent.batch(), { reply: 'kf.svc.registry.revoke' });
    await waitFor(() => dropped.length === 2);
    expect(dropped.map(({ reason }) => reason)).toEqual(['reply-foreign', 'reply-foreign']);
    expect(heard).toEqual([]);
    expect(await store.readStream(journalStream(agent.agentId, 1))).toEqual([]);
  });

  it('F14: keeps garbage as size and hash in the quarantine, the same garbage once, and goes on', async () => {
    await replica();
    const agent = await new ModelAgent().enrol(store);
    const connection = await connected(agent);
    const send = async (text: string) =>
      (await connection.request(agent.subject, text, { timeout: 15_000 })).json();
    for (let n = 0; n < 3; n += 1) expect(await send('{"hunter2":1}')).toEqual({ code: 'request.invalid' });
    const rows = await sql`select * from registry.quarantine where subject = ${agent.subject}`;
    expect(rows).toMatchObject([{ reason: 'schema', times: 3n, size: 13n }]);
    expect(
      JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    ).not.toContain('hunter2');
    expect(await ask(connection, agent, agent.recordMany(1))).toMatchObject({ seq: 1 });
  });

  it('S4: refuses an agent within a second of its row in the table of revocations', async () => {
    await replica();
    const agent = await new ModelAgent().enrol(store);
    const connection = await connected(agent);
    expect(await ask(connection, agent, agent.recordMany(1))).toMatchObject({ seq: 1 });
    await sql`insert into registry.revocations (nkey, agent_id, jwt_expires_at)
      values (${agent.nkey}, ${agent.agentId}, now() + interval '1 day')`;
    const since = performance.now();
    await waitFor(async () => 'code' in (await ask(connection, agent, agent.recordMany(1))), {
      ceilingMs: 5_000,
    });
    expect(performance.now() - since).toBeLessThan(1_500);
    const sync = await connection.request(agentSubject(agent, 'rpc.sync'), '{}', { timeout: 5_000 });
    expect(sync.json()).toEqual({ code: 'request.invalid' });
  });

  it('F12: a live agent is answered within 2 s while a dozen backlogs drain as fast as they may', async () => {
    await replica({ active: 8, activeBacklog: 4, waiting: { live: 100, backlog: 4 } });
    const drainers = await Promise.all(Array.from({ length: 12 }, () => new ModelAgent().enrol(store)));
    const live = await new ModelAgent().enrol(store);
    let draining = true;
    let toldToWait = 0;
    const drains = drainers.map(async (agent) => {
      const connection = await connected(agent);
      while (draining) {
        const reply = await ask(connection, agent, agent.recordMany(100));
        if (!('retryAfterMs' in reply)) continue;
        toldToWait += 1;
        agent.entries = agent.entries.slice(0, -100);
        await new Promise((resolve) => setTimeout(resolve, reply.retryAfterMs / 20));
      }
    });
    const connection = await connected(live);
    const lags: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      const since = performance.now();
      expect(await ask(connection, live, live.recordMany(2))).toMatchObject({ seq: (n + 1) * 2 });
      lags.push(performance.now() - since);
    }
    draining = false;
    await Promise.all(drains);
    expect(Math.max(...lags)).toBeLessThan(2_000);
    expect(toldToWait).toBeGreaterThan(0);
  });

  it('finishes what it has begun when it is closed', async () => {
    const service = await replica();
    const agent = await new ModelAgent().enrol(store);
    const connection = await connected(agent);
    const asked = ask(connection, agent, agent.recordMany(100));
    await connection.flush();
    const [reply] = await Promise.all([asked, service.close()]);
    expect(reply).toMatchObject({ seq: 100 });
  });
});
