import { createCertificateRequest } from '@keyfleet/crypto';
import { generateUserSeed, publicKeyOf } from '@keyfleet/messaging';
import { closeSql, createSql, type Sql } from '@keyfleet/postgres';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import type { Answer } from '../launcher/http.js';
import { type AgentRow, Client, type EventRow } from './client.js';
import { followFleet } from './fleet-subscription.js';
import { isFullyReady, type Replica, startReplica } from './replicas.js';
import { Stack } from './stack.js';

const ACME = '/api/v1/orgs/acme';
/** A holder's lease is over after this long without a word. */
const LEASE_MS = 10_000;
/** What any change may take to be seen, on a machine that does much else. */
const SHOWN = { ceilingMs: 20_000 };

let stack: Stack;
let replicas: readonly Replica[];
let admin: Client;
let urls: readonly [string, string];
let database: Sql;
const paused = new Set<number>();

beforeAll(async () => {
  stack = await Stack.start({ directory: temporaryDirectory('replicas') });
  const started: Replica[] = [];
  replicas = started;
  for (const { name } of stack.run.services) started.push(await startReplica(stack, name));
  admin = await Client.signIn(stack);
  urls = [stack.run.gateway.url, started.find(({ name }) => name === 'gateway')?.url ?? ''];
  database = createSql({ url: stack.run.postgres.url, applicationName: 'e2e', max: 2 });
  await waitFor(async () => (await Promise.all(started.map(isFullyReady))).every(Boolean), {
    ceilingMs: 60_000,
  });
}, 300_000);

afterAll(async () => {
  for (const pid of paused) process.kill(pid, 'SIGCONT');
  if (database) await closeSql(database);
  await Promise.all((replicas ?? []).map((replica) => replica.stop()));
  await stack?.stop();
}, 60_000);

const firstOf = (name: string): number =>
  stack.run.services.find((service) => service.name === name)?.pid ?? 0;

async function whilePaused(pids: readonly number[], work: () => Promise<void>): Promise<void> {
  for (const pid of pids) {
    process.kill(pid, 'SIGSTOP');
    paused.add(pid);
  }
  try {
    await work();
  } finally {
    for (const pid of pids) {
      process.kill(pid, 'SIGCONT');
      paused.delete(pid);
    }
  }
}

const clientAt = (which: 0 | 1): Client => admin.at(urls[which]);

async function allEvents(org: string): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: EventRow[]; nextCursor: string | null } = await admin.get(
      `/api/v1/orgs/${org}/events?limit=200${after}`,
    );
    rows.push(...page.items);
    cursor = page.nextCursor;
  }
  return rows;
}

/** As a careful script: the same command again until somebody answers. */
async function insist(client: Client, path: string, body: object, key: string): Promise<Answer> {
  const answers: Answer[] = [];
  await waitFor(
    async () => {
      answers.push(await client.request('POST', path, body, { 'idempotency-key': key }));
      return answers.at(-1)?.status !== 503;
    },
    { ceilingMs: 60_000 },
  );
  return answers.at(-1) as Answer;
}

describe('two of every service, side by side', () => {
  it('share sessions: signed in at one is signed in at the other, and signed out at one is out at the other', async () => {
    expect(await clientAt(1).get('/api/v1/auth/session')).toEqual(
      await clientAt(0).get('/api/v1/auth/session'),
    );
    const other = await Client.signIn(stack);
    const there = other.at(urls[1]);
    expect((await there.request('GET', '/api/v1/orgs')).status).toBe(200);
    expect((await other.request('POST', '/api/v1/auth/logout')).status).toBe(204);
    const tookMs = await untilRefused(there);
    console.log(`a sign-out at one gateway was known at the other after ${tookMs} ms`);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('share API tokens: one that is revoked at one is refused at the other within 2 s', async () => {
    const { body } = await admin.request('POST', `${ACME}/api-tokens`, {
      name: 'two',
      permissions: ['agents:read'],
    });
    const { id, token } = body as { id: string; token: string };
    const bearer = { authorization: `Bearer ${token}` };
    const there = new Client(urls[1]);
    await waitFor(
      async () => (await there.request('GET', `${ACME}/agents`, undefined, bearer)).status === 200,
    );
    expect((await clientAt(0).request('DELETE', `${ACME}/api-tokens/${id}`)).status).toBe(204);
    const tookMs = await untilRefused(there, bearer);
    console.log(`a revoked API token was refused at the other gateway after ${tookMs} ms`);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('count failed sign-ins together', async () => {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const client = new Client(urls[(attempt % 2) as 0 | 1]);
      const credentials = { email: 'nobody@acme.example', password: 'not the password' };
      statuses.push((await client.request('POST', '/api/v1/auth/login', credentials)).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it('take each other’s cursors, and answer the same pages', async () => {
    const page = (which: 0 | 1, query: string) =>
      clientAt(which).get<{ items: EventRow[]; nextCursor: string }>(
        `${ACME}/events?limit=3&to=${encodeURIComponent(before)}${query}`,
      );
    const before = new Date().toISOString();
    const first = await page(0, '');
    const second = await page(1, `&cursor=${encodeURIComponent(first.nextCursor)}`);
    expect(second).toEqual(await page(0, `&cursor=${encodeURIComponent(first.nextCursor)}`));
    expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(6);
  });

  it('show at one gateway, live, what was commanded at the other', async () => {
    const [agent] = (await admin.get<{ items: AgentRow[] }>(`${ACME}/agents`)).items;
    const feed = followFleet(clientAt(1), 'acme');
    await waitFor(() => feed.changes.some(({ reset }) => reset), SHOWN);
    const labels = { env: 'prod', moved: 'yes' };
    const at = performance.now();
    expect((await clientAt(0).request('PATCH', `${ACME}/agents/${agent?.id}`, { labels })).status).toBe(200);
    await waitFor(
      () =>
        feed.changes.some(({ agents }) =>
          agents.some((one) => one.id === agent?.id && one.labels['moved'] === 'yes'),
        ),
      SHOWN,
    );
    console.log(
      `a change at one gateway was shown at the other after ${Math.round(performance.now() - at)} ms`,
    );
    await feed.close();
  }, 60_000);

  it('enrol exactly as many agents as a token has uses, however many come at once to both', async () => {
    const { body } = await admin.request('POST', `${ACME}/enrolment-tokens`, { uses: 5 });
    const { id, token } = body as { id: string; token: string };
    const answers = await Promise.all(
      Array.from({ length: 9 }, async (_, n) => enrol(urls[(n % 2) as 0 | 1], token, `parallel-${n}`)),
    );
    const good = answers.filter(({ status }) => status === 201);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 201, 201, 401, 401, 401, 401]);
    expect(new Set(good.map(({ body: identity }) => (identity as { agentId: string }).agentId)).size).toBe(5);
    const sixth = await enrol(urls[1], token, 'parallel-late');
    expect(sixth.body).toMatchObject({ code: 'enrolment.token-invalid' });
    await waitFor(async () => {
      const { items } = await admin.get<{ items: AgentRow[] }>(`${ACME}/agents?limit=200`);
      return items.filter(({ name }) => name.startsWith('parallel-')).length === 5;
    }, SHOWN);
    const tokens = await admin.get<{ items: { id: string; state: string; used: number }[] }>(
      `${ACME}/enrolment-tokens`,
    );
    expect(tokens.items.find((one) => one.id === id)).toMatchObject({ state: 'used', used: 5 });
    // They never lived; what is said of them later is not what this file is about.
    for (const { body: identity } of good)
      await admin.request('POST', `${ACME}/agents/${(identity as { agentId: string }).agentId}/revoke`);
  }, 60_000);

  it('F15: go on when those that hold the projections stand still past their lease, and lose or repeat nothing when they wake up', async () => {
    const holders = () =>
      database<
        { projection: string; holder: string }[]
      >`select projection, holder from projections.leases order by 1`;
    const before = new Map((await holders()).map(({ projection, holder }) => [projection, holder]));
    const started = await allEvents('acme');
    const firsts = ['registry', 'analytics'].map(firstOf);
    const names: string[] = [];
    await whilePaused(firsts, async () => {
      const until = performance.now() + LEASE_MS * 1.5;
      for (let n = 0; performance.now() < until || n < 5; n += 1) {
        const name = `while paused ${n}`;
        const answer = await insist(
          clientAt((n % 2) as 0 | 1),
          `${ACME}/groups`,
          { name, selector: 'labels.env = "prod"' },
          `paused-${n}`,
        );
        expect([name, answer.status]).toEqual([name, 201]);
        names.push(name);
      }
      await waitFor(async () => (await groupsNamed('while paused')).length === names.length, SHOWN);
      await waitFor(
        async () =>
          (await allEvents('acme')).filter(({ type }) => type === 'GroupDefined').length >= names.length,
        SHOWN,
      );
    });
    const moved = (await holders()).filter(({ projection, holder }) => before.get(projection) !== holder);
    const after = await insist(
      admin,
      `${ACME}/groups`,
      { name: 'after the pause', selector: 'labels.env = "prod"' },
      'after',
    );
    expect(after.status).toBe(201);
    await waitFor(async () => (await groupsNamed('after the pause')).length === 1, SHOWN);
    await waitFor(async () => (await eventsOfGroup('after the pause')).length === 1, SHOWN);
    for (const name of names) expect([name, (await eventsOfGroup(name)).length]).toEqual([name, 1]);
    expect((await groupsNamed('while paused')).map(({ name }) => name).sort()).toEqual([...names].sort());
    const events = await allEvents('acme');
    for (const { id } of started) expect(events.filter((event) => event.id === id)).toHaveLength(1);
    console.log(
      `${names.length} commands while the first registry and analytics stood still; ${moved.length} of ${before.size} projections changed hands`,
    );
    expect(moved.length).toBeGreaterThan(0);
  }, 180_000);

  it('take commands while a registry is killed, and after it is back', async () => {
    const killed = firstOf('registry');
    process.kill(killed, 'SIGKILL');
    for (let n = 0; n < 10; n += 1) {
      const answer = await insist(
        clientAt((n % 2) as 0 | 1),
        `${ACME}/groups`,
        { name: `killed ${n}`, selector: 'labels.env = "prod"' },
        `killed-${n}`,
      );
      expect(answer.status).toBe(201);
    }
    await waitFor(async () => (await groupsNamed('killed')).length === 10, SHOWN);
    await waitFor(() => firstOf('registry') !== killed && firstOf('registry') !== 0, { ceilingMs: 60_000 });
  }, 120_000);

  it('have recorded each event once, and never took a living agent for a dead one', async () => {
    const lines: string[] = [];
    for (const { id, slug } of stack.run.orgs) {
      await waitFor(async () => (await allEvents(slug)).length === (await storedPositions(id)).length, SHOWN);
      const events = await allEvents(slug);
      expect(events.map(({ position }) => position)).toEqual(await storedPositions(id));
      expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
      expect(new Set(events.map(({ position }) => position)).size).toBe(events.length);
      const alive = stack.run.agents.filter(({ org }) => org === slug).map(({ id }) => id);
      const offline = events.filter(
        ({ type, stream }) => type === 'AgentWentOffline' && alive.some((id) => stream.includes(id)),
      );
      expect(offline).toEqual([]);
      await waitFor(
        async () => {
          const { items } = await admin.get<{ items: AgentRow[] }>(`/api/v1/orgs/${slug}/agents?limit=200`);
          return alive.every((id) => items.find((one) => one.id === id)?.state === 'online');
        },
        { ceilingMs: 60_000 },
      );
      lines.push(`${slug}: ${events.length} events`);
    }
    console.log(`${lines.join(', ')}; as in the store, each once by id and by position, no AgentWentOffline`);
  }, 90_000);
});

async function untilRefused(client: Client, headers: Record<string, string> = {}): Promise<number> {
  const since = performance.now();
  await waitFor(
    async () => (await client.request('GET', `${ACME}/agents`, undefined, headers)).status === 401,
    SHOWN,
  );
  return Math.round(performance.now() - since);
}

async function groupsNamed(start: string): Promise<{ name: string }[]> {
  const { items } = await admin.get<{ items: { name: string }[] }>(`${ACME}/groups?limit=200`);
  return items.filter(({ name }) => name.startsWith(start));
}

/** What the event store itself holds for an organisation, newest first; facts of the installation have number 0. */
async function storedPositions(orgId: string): Promise<string[]> {
  const rows = await database<{ position: string }[]>`
    select e.position::text from store.events e left join store.orgs o on o.id = e.org
    where e.org = 0 or 'org_' || o.org_id = ${orgId} order by e.position desc`;
  return rows.map(({ position }) => position);
}

async function eventsOfGroup(name: string): Promise<EventRow[]> {
  return (await allEvents('acme')).filter(
    ({ type, data }) => type === 'GroupDefined' && data['name'] === name,
  );
}

async function enrol(url: string, token: string, name: string): Promise<Answer> {
  const { csr } = await createCertificateRequest();
  const nkey = publicKeyOf(generateUserSeed());
  return new Client(url).request('POST', '/api/v1/enrol', { token, name, csr, nkey, agentVersion: '0.1.0' });
}
