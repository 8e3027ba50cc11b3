import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, temporaryDirectory, waitFor } from '@keyfleet/testing';
import type { Browser, Page } from 'playwright-core';
import { type AgentRow, askAgent, Client, type EventRow } from './client.js';
import { Stack } from './stack.js';

/** Pictures of the run, for people and for the README. */
const PICTURES = join(process.cwd(), '.keyfleet/pictures');
/** What DESIGN allows for noticing a death, with the machine's own slowness on top; the time itself is printed. */
const NOTICED = { ceilingMs: 150_000 };
const SHOWN = { ceilingMs: 20_000 };

let stack: Stack;
let client: Client;
let browser: Browser;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  stack = await Stack.start({ directory: temporaryDirectory('living-fleet') });
  client = await Client.signIn(stack);
  browser = await openBrowser();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await stack?.stop();
}, 60_000);

const agentsOf = async (org: string) =>
  (await client.get<{ items: AgentRow[] }>(`/api/v1/orgs/${org}/agents`)).items;
const eventsOf = async (org: string, query: string) =>
  (await client.get<{ items: EventRow[] }>(`/api/v1/orgs/${org}/events?limit=200&${query}`)).items;

async function signedIn(): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
  await page.goto(`${stack.run.gateway.url}/`);
  await page.getByLabel('E-mail').fill(stack.run.admin.email);
  await page.locator('input[type=password]').fill(stack.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Organisations' }).waitFor();
  return page;
}

describe('a living fleet', () => {
  it('is ready with three agents in two organisations, and REST and GraphQL agree on them', async () => {
    const { agents, orgs } = stack.run;
    expect(agents).toHaveLength(3);
    expect(orgs.map(({ slug }) => slug).sort()).toEqual(['acme', 'globex']);
    for (const { slug } of orgs) {
      const rest = await agentsOf(slug);
      const { org } = await client.graphql<{ org: { agents: { edges: { node: AgentRow }[] } } }>(
        'query($s: String!) { org(slug: $s) { agents(first: 50) { edges { node { id name state } } } } }',
        { s: slug },
      );
      const graph = org.agents.edges.map(({ node }) => node);
      expect(graph).toEqual(rest.map(({ id, name, state }) => ({ id, name, state })));
      expect(rest.every(({ state }) => state === 'online')).toBe(true);
    }
    expect((await agentsOf('acme')).map(({ name }) => name)).toEqual(['payments-eu', 'payments-us']);
  });

  it('serves a secret from the agent, and tells of it without its value', async () => {
    const agent = stack.run.agents.find(({ name }) => name === 'payments-us');
    if (!agent) throw new Error('no agent');
    const value = Buffer.from('a value nobody else has seen').toString('base64');
    expect((await askAgent(agent, 'PUT', '/secrets/e2e/first', { value })).status).toBe(201);
    const read = await askAgent(agent, 'GET', '/secrets/e2e/first/value');
    expect(read.body).toMatchObject({ path: 'e2e/first', version: 1, value });
    await waitFor(
      async () =>
        (await eventsOf('acme', `type=SecretCreated&agentId=${agent.id}`)).some(
          ({ data }) => data['path'] === 'e2e/first',
        ),
      SHOWN,
    );
    expect(JSON.stringify(await eventsOf('acme', ''))).not.toContain(value);
    expect(await eventsOf('globex', `agentId=${agent.id}`)).toEqual([]);
  });

  it('shows a kill -9 as offline, once, live on the dashboard, and the return as online', async () => {
    const agent = stack.run.agents.find(({ name }) => name === 'payments-eu');
    if (!agent) throw new Error('no agent');
    const page = await signedIn();
    await page.goto(`${stack.run.gateway.url}/orgs/acme/agents`);
    const row = page.locator('tr[data-agent="payments-eu"]');
    await row.waitFor();
    await page.locator('[data-testid="live"][data-state="live"]').waitFor();
    const killedAt = Date.now();
    process.kill(agent.pid, 'SIGKILL');
    await page
      .locator('tr[data-agent="payments-eu"][data-state="offline"]')
      .waitFor({ timeout: NOTICED.ceilingMs });
    const shownAt = Date.now();
    const [went] = await eventsOf('acme', `type=AgentWentOffline&agentId=${agent.id}`);
    console.log(`offline was shown ${((shownAt - killedAt) / 1_000).toFixed(1)} s after kill -9`);
    expect(went).toBeDefined();
    await page.screenshot({ path: join(PICTURES, 'agent-offline.png') });
    const started = stack.agentTool('start', 'payments-eu');
    expect(started).toMatchObject({ status: 0 });
    await page.locator('tr[data-agent="payments-eu"][data-state="online"]').waitFor({ timeout: 60_000 });
    expect(await eventsOf('acme', `type=AgentWentOffline&agentId=${agent.id}`)).toHaveLength(1);
    expect((await eventsOf('acme', `type=AgentCameOnline&agentId=${agent.id}`)).length).toBe(2);
    expect(await eventsOf('acme', 'type=AgentWentOffline')).toHaveLength(1);
    await page.close();
  }, 300_000);

  it('shows an agent with its timeline, filters in the URL, and two different empty lists', async () => {
    const page = await signedIn();
    await page.goto(
      `${stack.run.gateway.url}/orgs/acme/agents?filter=${encodeURIComponent('labels.region = "us"')}`,
    );
    await page.locator('tr[data-agent="payments-us"]').waitFor();
    expect(await page.locator('tr[data-agent]').count()).toBe(1);
    await page.getByRole('link', { name: 'payments-us' }).click();
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await page.locator('tr[data-event="AgentEnrolled"]').waitFor();
    await page.screenshot({ path: join(PICTURES, 'agent-timeline.png') });
    await page.goto(
      `${stack.run.gateway.url}/orgs/acme/agents?filter=${encodeURIComponent('name = "nobody"')}`,
    );
    await page.getByText('No agent matches').waitFor();
    await client.request('POST', '/api/v1/orgs', { slug: 'initech', name: 'Initech' });
    await page.goto(`${stack.run.gateway.url}/orgs/initech/agents`);
    await page.getByText('No agents yet').waitFor();
    await page.screenshot({ path: join(PICTURES, 'empty-organisation.png') });
    await page.close();
  }, 120_000);

  it('gives the one line to paste, and shows the agent that was enrolled with it', async () => {
    const page = await signedIn();
    await page.goto(`${stack.run.gateway.url}/orgs/initech/agents`);
    await page.getByRole('button', { name: 'Enrol an agent' }).first().click();
    await page.getByRole('button', { name: 'Make a token' }).click();
    const line = await page.getByTestId('enrol-line').textContent();
    expect(line).toMatch(/kfe_[0-9a-f]{64}_[A-Za-z0-9_-]{43}/);
    await page.screenshot({ path: join(PICTURES, 'enrol.png') });
    await page.close();
  }, 60_000);

  it('leaves nothing running when its launcher is killed', async () => {
    const { directory } = stack;
    process.kill(stack.pid, 'SIGKILL');
    await waitFor(() => processesOf(directory).length === 0, { ceilingMs: 30_000 });
    expect(existsSync(join(directory, '.keyfleet/postgres'))).toBe(true);
  }, 60_000);
});

/** Command lines of everything that still runs for a folder. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => readQuietly(`/proc/${pid}/cmdline`) + readQuietly(`/proc/${pid}/environ`))
    .filter((text) => text.includes(directory) && !text.includes('jest'));
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
