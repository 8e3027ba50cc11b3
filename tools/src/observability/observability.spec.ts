import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { closeSql, createSql } from '@keyfleet/postgres';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { askAgent, Client, type EventRow } from '../e2e/client.js';
import { Stack } from '../e2e/stack.js';
import { describedBy, documentedMetrics, metricsPage } from './metrics-page.js';
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.js';
import { countedIn, familyOf, readRules, seriesOf } from './rules.js';
import { looksIn, queriesIn, readRunbooks } from './runbooks.js';

const run = promisify(execFile);
const UPDATE = process.env['KEYFLEET_UPDATE_DOCS'] === '1';
const FORBIDDEN = /agent|secret|path|user|principal|email|token|^(id|org|orgId|org_id)$/i;
/** Of one family; a fleet of any size has as many. */
const MOST_SERIES = 400;

/** One for each route, method and class of answers would be too many; their alerts ask for a share of all requests. */
const BORN_LATE = ['keyfleet_http_request_duration_seconds'];

/** One installation for all of it: what it shows about itself while it works. */
describe('a running installation', () => {
  let receiver: OtlpReceiver;
  let stack: Stack;
  const pages = new Map<string, string>();
  let atStart: string;

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    const env = { KEYFLEET_TRACING__ENDPOINT: receiver.endpoint };
    stack = await Stack.start({ directory: temporaryDirectory('observed'), agents: 1, env });
    const first = stack.run.services.map(({ operationsUrl }) => text(`${operationsUrl}/metrics`));
    atStart = (await Promise.all(first)).join('\n');
  }, 200_000);

  afterAll(async () => {
    await stack?.stop();
    await receiver?.close();
    if (stack) rmSync(stack.directory, { recursive: true, force: true });
  }, 60_000);

  async function lookAtPages(): Promise<void> {
    const { services, agents } = stack.run;
    for (const { name, operationsUrl } of services) pages.set(name, await text(`${operationsUrl}/metrics`));
    for (const { name } of agents.slice(0, 1)) {
      const file = join(stack.directory, '.keyfleet/agents', name, 'agent.json');
      const { operationsUrl } = JSON.parse(readFileSync(file, 'utf8')) as { operationsUrl: string };
      pages.set('agent', await text(`${operationsUrl}/metrics`));
    }
  }

  it('follows an entry from its agent to the row it changed, across processes, under one trace', async () => {
    const [agent] = stack.run.agents as [Stack['run']['agents'][number]];
    const value = Buffer.from('a value nobody may see').toString('base64');
    const { items } = await (await Client.signIn(stack)).get<{ items: EventRow[] }>(
      `/api/v1/orgs/${agent.org}/events?type=SecretCreated&limit=200`,
    );
    const before = new Set(items.map(({ id }) => id));
    expect((await askAgent(agent, 'PUT', '/secrets/observed/database', { value })).status).toBeLessThan(300);
    const ours = (span: ReceivedSpan) =>
      span.name === 'apply analytics.events' &&
      span.attributes['keyfleet.event.type'] === 'SecretCreated' &&
      !before.has(String(span.attributes['keyfleet.event.id']));
    await waitFor(() => receiver.spans.some(ours), { ceilingMs: 20_000 });
    const applied = receiver.spans.find(ours) as ReceivedSpan;
    const trace = () => receiver.spans.filter(({ traceId }) => traceId === applied.traceId);
    const upload = await find(trace, 'agent', 'upload journal batch');
    const ingest = await find(trace, 'registry', 'ingest journal batch');
    expect(upload.parentId).toBe('');
    expect(upload.attributes['keyfleet.agent.id']).toBe(agent.id);
    expect(ingest.parentId).toBe(upload.spanId);
    for (const stage of ['read', 'verify', 'examine', 'append'])
      expect((await find(trace, 'registry', `ingest ${stage}`)).parentId).toBe(ingest.spanId);
    expect(applied).toMatchObject({ service: 'analytics', parentId: ingest.spanId });
    expect(applied.attributes['keyfleet.stream']).toMatch(new RegExp(`^journal-${agent.id}\\.`));
    await find(
      () => receiver.spans.filter(({ links }) => links.includes(applied.traceId)),
      'analytics',
      'project analytics.events',
    );
  }, 60_000);

  it('follows a request of the API through its command to the rows, under the trace its caller began', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const { gateway, orgs } = stack.run;
    const client = new Client(gateway.url);
    await client.request('POST', '/api/v1/auth/login', stack.admin);
    const path = `/api/v1/orgs/${orgs[0]?.slug}/groups`;
    const made = await client.request(
      'POST',
      path,
      { name: 'observed', selector: 'labels.observed = "yes"' },
      { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    );
    expect(made.status).toBe(201);
    const ours = () => receiver.spans.filter((span) => span.traceId === traceId);
    const request = await find(ours, 'gateway', 'POST /api/v1/orgs/:org/groups');
    const sent = await find(ours, 'gateway', 'send kf.svc.registry.define-group');
    const processed = await find(ours, 'registry', 'process kf.svc.registry.define-group');
    expect(request.parentId).toBe('b7ad6b7169203331');
    expect(sent.parentId).toBe(request.spanId);
    expect(processed.parentId).toBe(sent.spanId);
    expect((await find(ours, 'registry', 'apply registry.groups')).parentId).toBe(processed.spanId);
  }, 60_000);

  it('S5: exports no value, no name of a secret, no credential, and of the fleet only ids', () => {
    const everything = Buffer.concat(receiver.bodies).toString('latin1');
    expect(receiver.spans.length).toBeGreaterThan(20);
    for (const word of [
      'a value nobody may see',
      'observed/database',
      stack.admin.password,
      'keyfleet_session',
      'kfe_',
    ])
      expect(everything.includes(word)).toBe(false);
    const known = /^(keyfleet|messaging|http)\./;
    const other = receiver.spans.flatMap(({ attributes }) =>
      Object.keys(attributes).filter((key) => !known.test(key)),
    );
    expect(other).toEqual([]);
  });

  it('shows exactly the metrics that are documented', async () => {
    await lookAtPages();
    const shown = new Map([...pages].map(([name, page]) => [name, describedBy(page)]));
    const page = metricsPage(shown);
    if (UPDATE) writeFileSync('docs/guide/metrics.md', page);
    expect(page).toBe(readFileSync('docs/guide/metrics.md', 'utf8'));
    expect(documentedMetrics().length).toBeGreaterThan(80);
  });

  it('repro-first-of-a-counter: shows from its start all that an alert asks the growth of', () => {
    const missing = readRules().flatMap(({ expr, alert, record }) =>
      countedIn(expr)
        .filter(({ series }) => !BORN_LATE.includes(familyOf(series)))
        .filter(({ series, fits }) => !seriesOf(atStart, series).some(fits))
        .map(({ series }) => `${alert ?? record}: ${series}`),
    );
    expect(missing).toEqual([]);
  });

  it('names no agent, organisation, person or secret in a label, and has few series', async () => {
    if (pages.size === 0) await lookAtPages();
    const ids = /(?:org|agt|usr|evt|cmd|tok)_[0-9a-f]{8}-/;
    for (const [name, page] of pages) {
      const families = new Map<string, number>();
      for (const [, family = '', labels = ''] of page.matchAll(
        /^(keyfleet\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$/gm,
      )) {
        families.set(family, (families.get(family) ?? 0) + 1);
        const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
        expect({ name, family, forbidden: names.filter((label) => FORBIDDEN.test(label)) }).toEqual({
          name,
          family,
          forbidden: [],
        });
        expect(labels).not.toMatch(ids);
      }
      const many = [...families].filter(([, count]) => count > MOST_SERIES);
      expect({ name, many }).toEqual({ name, many: [] });
    }
  });

  it('U20: can be looked at with every command of the runbooks, as it stands there', async () => {
    const { page } = readRunbooks();
    const guide = readFileSync('docs/guide/observability.md', 'utf8');
    const looks = [...new Set([...looksIn(page), ...looksIn(guide)])];
    expect(looks.length).toBeGreaterThan(25);
    const tool = join(process.cwd(), 'tools/dist/keyfleet.js');
    for (const command of looks) expect(command).toMatch(/^npm run keyfleet -- /);
    for (const args of together(looks)) {
      // Rejects where it does not end with 0.
      const { stdout } = await run(process.execPath, [tool, ...args], { cwd: stack.directory });
      if (args[0] === 'checks') expect(stdout.match(/ ready$/gm)).toHaveLength(stack.run.services.length);
    }
    const sql = createSql({ url: stack.run.postgres.url, applicationName: 'runbooks', max: 1 });
    for (const query of queriesIn(page)) await sql.unsafe(query);
    await closeSql(sql);
  }, 120_000);

  it('U14: lists every check of every service, and shows each as a metric', async () => {
    const lists: Record<string, string[]> = {};
    for (const { name, operationsUrl } of stack.run.services) {
      const answer = (await (await fetch(`${operationsUrl}/readyz`)).json()) as {
        status: string;
        checks: { name: string; ok: boolean }[];
      };
      expect({ name, status: answer.status }).toEqual({ name, status: 'ready' });
      lists[name] = answer.checks.map((check) => check.name).sort();
      const page = await text(`${operationsUrl}/metrics`);
      for (const check of lists[name])
        expect(page).toContain(`keyfleet_check_ok{check="${check.replaceAll(' ', '-')}"} 1`);
    }
    expect(lists).toEqual({
      analytics: ['broker', 'database', 'projections', 'started'],
      gateway: ['database', 'redis'],
      notify: ['broker', 'database', 'event store', 'redis', 'started'],
      policy: ['broker', 'database', 'event store', 'projections', 'redis', 'started'],
      registry: ['authority', 'database', 'detection', 'projections', 'started'],
    });
  });
});

/** What is asked for, with all looks at metrics as one: each is the same command with other names. */
function together(looks: readonly string[]): string[][] {
  const asked = looks.map((command) => command.split(' ').slice(4));
  const names = asked.flatMap(([what, ...rest]) => (what === 'metrics' ? rest : []));
  return [...asked.filter(([what]) => what !== 'metrics'), ['metrics', ...new Set(names)]];
}

async function text(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** Each process sends its spans by itself, so the last of a trace may come first. */
async function find(
  trace: () => readonly ReceivedSpan[],
  service: string,
  name: string,
): Promise<ReceivedSpan> {
  let found: ReceivedSpan | undefined;
  const what = `"${name}" of ${service}`;
  await waitFor(
    () => {
      found = trace().find((span) => span.service === service && span.name === name);
      return found !== undefined;
    },
    { ceilingMs: 20_000, what },
  );
  return found as ReceivedSpan;
}
