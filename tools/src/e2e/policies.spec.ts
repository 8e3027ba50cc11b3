import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyCheck } from '@keyfleet/contracts/http';
import { openBrowser, temporaryDirectory, waitFor } from '@keyfleet/testing';
import type { Browser, Page } from 'playwright-core';
import { askAgent, Client } from './client.js';
import { guideBlocks } from './guide.js';
import { type Person, Stack } from './stack.js';

const PICTURES = join(process.cwd(), '.keyfleet/pictures');
const SHOWN = { timeout: 60_000 };
/** Agents tell what was asked of them once a minute. */
const REPORTED = { ceilingMs: 180_000 };
const NAME = 'Team secrets';
/** Of the acme organisation, both of which the policy is for. */
const SECRET = '/secrets/team/app/db';

let stack: Stack;
let browser: Browser;
/** Who writes, and who reviews. */
let page: Page;
let other: Page;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  stack = await Stack.start({ directory: temporaryDirectory('policies') });
  browser = await openBrowser();
  page = await signedIn(stack.admin);
  other = await signedIn(stack.reviewer);
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await stack?.stop();
}, 60_000);

async function signedIn({ email, password }: Person): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const opened = await context.newPage();
  opened.setDefaultTimeout(SHOWN.timeout);
  await opened.goto(`${stack.run.gateway.url}/orgs/acme/policies`);
  await opened.getByLabel('E-mail').fill(email);
  await opened.locator('input[type=password]').fill(password);
  await opened.getByRole('button', { name: 'Sign in' }).click();
  await opened.getByRole('heading', { name: 'Policies', exact: true }).waitFor();
  return opened;
}

const picture = (name: string, of = page) => of.screenshot({ path: join(PICTURES, `policy-${name}.png`) });
const tab = (name: string) => page.getByRole('tab', { name }).click();
const button = (name: string | RegExp, on = page) =>
  on.getByRole('button', { name, exact: typeof name === 'string' });
const count = (of: string, is: number) => page.locator(`[data-testid="${of}"][data-count="${is}"]`).waitFor();
const converged = (agents: number) =>
  page.locator(`[data-step="converged"][data-count="${agents}"]`).waitFor();
const rollout = (state: string) => page.locator(`[data-rollout="${state}"]`).first().waitFor();
const acmeAgents = () => stack.run.agents.filter(({ org }) => org === 'acme');
const readAtAgents = () =>
  Promise.all(acmeAgents().map(async (agent) => (await askAgent(agent, 'GET', `${SECRET}/value`)).status));

async function approve(): Promise<void> {
  await other.goto(page.url().replace(/\?.*/, '?tab=review'));
  await button('Approve', other).click();
  await other.locator('[data-review="approved"]').waitFor();
}

describe('a policy, from a template to a certificate', () => {
  it('begins with a template where there is none, as a draft without problems', async () => {
    for (const agent of acmeAgents()) {
      const value = Buffer.from('known to its agent alone').toString('base64');
      expect((await askAgent(agent, 'PUT', SECRET, { value })).status).toBe(201);
    }
    expect(await readAtAgents()).toEqual([200, 200]);
    await page.getByText('No policies yet').waitFor();
    await button('New policy').first().click();
    await page.getByLabel('Name').fill(NAME);
    await page.getByLabel('Least privilege').check();
    await button('Write a draft').click();
    await page.getByText('Draft 1 saved').waitFor();
    await count('problems', 0);
    await count('conflicts', 0);
  }, 120_000);

  it('shows a contradiction with a request, and it is mended by clicking rules together', async () => {
    await button('Add a statement').click();
    const denial = page.locator('[data-statement="statement-2"]');
    await denial.getByText('Deny', { exact: true }).click();
    await denial.getByLabel('Who', { exact: true }).first().fill('*');
    await page.keyboard.press('Enter');
    await denial.getByLabel('With which secrets').first().fill('team/**');
    await page.keyboard.press('Enter');
    await button('Add a rule', page).click();
    await denial.getByLabel('Value').selectOption('false');
    const conflict = page.locator('[data-conflict="contradiction"]');
    await conflict.waitFor();
    const said = await conflict.innerText();
    expect(said).toContain('read-own allows what statement-2 denies');
    for (const part of ['app:billing', 'team/app', 'not given']) expect(said).toContain(part);
    await picture('conflict');
    await button('Close statement-2').click();
    await button('Change read-own').click();
    await button('Add a rule').click();
    await count('conflicts', 0);
    await picture('builder');
    await page.getByText('YAML', { exact: true }).click();
    const text = await page.getByLabel('Policy text').inputValue();
    expect(text).toContain('condition: secondFactor\n');
    expect(text).toContain('condition: "!secondFactor"\n');
    await button('Save draft').click();
    await page.getByText('Draft 2 saved').waitFor();
  }, 120_000);

  it('shows by recorded requests what the draft would refuse', async () => {
    await tab('Replay');
    await waitFor(async () => {
      await button(/^Replay draft/).click();
      await page.getByTestId('replay').or(page.getByText('No requests in this time')).waitFor();
      return (await page.locator('[data-flip="allowed denied"]').count()) > 0;
    }, REPORTED);
    expect(await page.locator('[data-flip="allowed denied"]').innerText()).toContain('team/app/db');
    await picture('replay');
  }, 240_000);

  it('is reviewed by somebody else than who wrote it', async () => {
    await tab('Review');
    await page.getByTestId('own-draft').waitFor();
    expect(await button('Approve').isDisabled()).toBe(true);
    expect(await button('Publish…').isDisabled()).toBe(true);
    await page.getByLabel('Comment').fill('Please look at the second factor.');
    await button('Request a review').click();
    await page.locator('[data-review="requested"]').waitFor();
    await picture('own-draft');
    await approve();
    await picture('review', other);
    await page.locator('[data-review="approved"]').waitFor();
  }, 120_000);

  it('goes out in waves that can be paused, and agents decide by it', async () => {
    await tab('Assignments');
    await page.locator('[data-testid="preview"][data-agents="2"]').waitFor();
    await picture('assign');
    await button('Assign').click();
    await page.locator('[data-target="organisation"]').waitFor();
    await tab('Review');
    await button('Publish…').click();
    await page.getByLabel('Waves, in percent').fill('0.01, 100');
    await page.getByLabel('Minutes between waves').fill('0.25');
    await picture('publish');
    await button('Publish').click();
    await converged(1);
    await button('Pause').click();
    await rollout('paused');
    await picture('wave');
    expect((await readAtAgents()).toSorted()).toEqual([200, 403]);
    await button('Resume').click();
    await converged(2);
    await rollout('completed');
    await picture('rolled-out');
    expect(await readAtAgents()).toEqual([403, 403]);
  }, 180_000);

  it('names a mistake in the text by line and column, and shows what another version changes', async () => {
    await tab('Draft');
    await page.getByText('YAML', { exact: true }).click();
    const editor = page.getByLabel('Policy text');
    const text = await editor.inputValue();
    await editor.fill(text.replace('condition: secondFactor', 'condition: secondFaktor'));
    await count('problems', 1);
    const line = text.split('\n').findIndex((one) => one.includes('condition: secondFactor')) + 1;
    expect(await page.getByTestId('problems').innerText()).toMatch(
      new RegExp(`Line ${line}, column \\d+\\s+Nothing is called secondFaktor: did you mean secondFactor`),
    );
    await picture('problem');
    await editor.fill(text.replace('app:billing', 'app:ledger'));
    await count('problems', 0);
    await button('Save draft').click();
    await page.getByText('Draft 3 saved').waitFor();
    await approve();
    await tab('Review');
    expect(await page.getByTestId('diff').innerText()).toMatch(/app:billing\s*\+ app:ledger/);
    await button('Publish…').click();
    await page.getByLabel('Everybody at once').check();
    await button('Publish').click();
    await page.getByText('Version 2, in place of version 1').waitFor();
    await rollout('completed');
  }, 120_000);

  it('is rolled back, and a certificate names the agents that run it', async () => {
    await tab('Versions');
    await page.locator('[data-change="changed"]').waitFor();
    await picture('versions');
    await button('Roll back to version 1').click();
    await button('Roll back').click();
    await page.getByText('Version 3, in place of version 2').waitFor();
    await rollout('completed');
    await tab('In force');
    await page.getByText('Allows app:billing').waitFor();
    await picture('in-force');
    await tab('Versions');
    await button('Certificate of version 3').click();
    await page.getByTestId('certificate').waitFor();
    expect(await page.getByTestId('certificate').innerText()).toContain('converged 2');
    await picture('certificate');
    const [kept] = await Promise.all([page.waitForEvent('download'), button('Download').click()]);
    const certificate = JSON.parse(readFileSync(await kept.path(), 'utf8')) as {
      version: number;
      agents: { agentId: string; state: string }[];
    };
    expect(certificate.version).toBe(3);
    expect(certificate.agents.map(({ agentId }) => agentId).toSorted()).toEqual(
      acmeAgents()
        .map(({ id }) => id)
        .toSorted(),
    );
  }, 120_000);

  it('answers who can do what, and what each agent runs', async () => {
    await page.getByRole('link', { name: 'Who can do what' }).click();
    await page.getByLabel('Who', { exact: true }).fill('app:billing');
    await button('Ask').click();
    expect(await page.getByTestId('answers').innerText()).toMatch(
      /team\/app\/\*\*\s+a second factor was given/,
    );
    await picture('who-can');
    await page.getByRole('link', { name: 'What agents run' }).click();
    await page.locator('tr[data-agent="payments-eu"][data-state="converged"]').waitFor();
    await button('rejected').click();
    await page.getByText('No agent matches').waitFor();
    await page.getByRole('link', { name: 'All policies' }).click();
    await page.locator(`tr[data-policy="${NAME}"][data-state="published"]`).waitFor();
    await picture('list');
    await page.getByLabel('Filter').fill('state = retired');
    await button('Filter').click();
    await page.getByText('No policy matches').waitFor();
  }, 60_000);

  it('is one of many that are chosen, and each is shown what would come of it before anything does', async () => {
    const outcome = (is: string) => page.locator(`tr[data-bulk="${NAME}"][data-outcome="${is}"]`);
    await page.getByRole('link', { name: 'Clear the filter' }).click();
    await page.getByLabel(`Choose ${NAME}`).check();
    await count('chosen', 1);
    await button('Assign…').click();
    await outcome('unchanged').waitFor();
    await page.getByText('Labels', { exact: true }).click();
    await page.getByLabel('Agents with labels').fill('labels.env = prod');
    await outcome('would').waitFor();
    await picture('bulk');
    await button('Not now').click();
    await button('Halt rollouts…').click();
    await outcome('refused').waitFor();
    expect(await outcome('refused').innerText()).toContain('The rollout is completed.');
    await button('Not now').click();
    await button('Retire…').click();
    await outcome('would').waitFor();
    expect(await outcome('would').innerText()).toMatch(/Will be retired/);
    await button('Not now').click();
    const client = await Client.signIn(stack);
    const { items } = await client.get<{ items: object[] }>('/api/v1/orgs/acme/policies');
    expect(items).toEqual([expect.objectContaining({ name: NAME, state: 'published', assignments: 1 })]);
  }, 60_000);

  it('the guide’s policy is sound, and its commands make a second person and set a policy aside', async () => {
    const client = await Client.signIn(stack);
    const [text = ''] = guideBlocks('policies', 'yaml');
    const answer = await client.request('POST', '/api/v1/orgs/acme/policies/check', { content: { text } });
    const body = answer.body as PolicyCheck;
    expect(body).toMatchObject({ problems: [], document: { statements: [{}, {}] } });
    // What is in force by now denies some of it; what stands in the guide does not contradict itself.
    expect(body.conflicts.filter(({ other }) => other?.policyId === 'draft')).toEqual([]);
    const [addPerson = '', begin = '', end = ''] = guideBlocks('policies', 'sh').map((block) => block.trim());
    writeFileSync(join(stack.directory, 'carol-password'), 'a password for the guide', { mode: 0o600 });
    const databases = ['store', 'worker', 'identity'].map((role) => [
      `KEYFLEET_DATABASE__${role.toUpperCase()}_URL_FILE`,
      join(stack.directory, '.keyfleet/secrets', `database-kf_${role}-url`),
    ]);
    execFileSync('sh', ['-c', addPerson], {
      cwd: stack.directory,
      env: { ...process.env, ...Object.fromEntries(databases) },
    });
    const carol = { email: 'carol@example.com', password: 'a password for the guide' };
    await Client.signInAs(stack.run.gateway.url, carol);
    const [agent] = acmeAgents().filter(({ name }) => name === 'payments-eu');
    const read = async () => (await askAgent(agent as never, 'GET', `${SECRET}/value`)).status;
    expect(await read()).toBe(403);
    for (const [command, status] of [
      [begin, 200],
      [end, 403],
    ] as const) {
      const [, args = ''] = /^npm run agent -- (.*)$/.exec(command) ?? [];
      const done = stack.agentTool(...args.split(' '));
      expect(`${done.status} ${done.output}`).toMatch(/^0 /);
      await waitFor(async () => (await read()) === status);
    }
  }, 120_000);
});
