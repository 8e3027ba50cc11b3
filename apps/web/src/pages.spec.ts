import type { Page } from 'playwright-core';
import { type Answered, type Answers, type Asked, Pages, refusal, type Shown } from './testing/pages';

let pages: Pages;

beforeAll(async () => {
  pages = await Pages.build();
}, 120_000);

afterAll(() => pages?.close());

const agent = (id: string, name: string) => ({
  ...{
    id,
    name,
    state: 'online',
    version: '1.0.0',
    labels: {},
    lastSeenAt: null,
    enrolledAt: '2026-01-01T00:00:00.000Z',
  },
  ...{ secrets: 1, storage: 'ok', seal: 'unsealed', journal: { epoch: 1, seq: 1 }, lastEvent: null },
  certificateExpiresAt: null,
});
const event = (id: string, type: string) => ({
  ...{ id, type, at: '2026-01-01T00:00:00.000Z', recordedAt: '2026-01-01T00:00:00.000Z' },
  ...{ actor: 'agt_1', stream: 'agent-agt_1', data: {} },
});
const listOf = (nodes: readonly unknown[], endCursor: string | null = null) => ({
  edges: nodes.map((node) => ({ node })),
  pageInfo: { hasNextPage: endCursor !== null, endCursor },
});
const data = (org: unknown): Answered => ({ body: { data: { org } } });
const fleet = (...agents: unknown[]) =>
  data({
    agents: listOf(agents),
    agentCounts: { online: agents.length, offline: 0, unknown: 0, revoked: 0 },
  });

/** A fleet of one agent, with two pages of events. */
const well: Answers = ({ what, given }) => {
  if (what === 'GraphQL Agents') return fleet(agent('agt_1', 'payments-eu'));
  if (what === 'GraphQL Agent') return data({ agent: agent('agt_1', 'payments-eu') });
  if (what !== 'GraphQL Events') return undefined;
  const shown = given.after === null ? event('evt_2', 'AgentCameOnline') : event('evt_1', 'AgentEnrolled');
  return data({ events: listOf([shown], given.after === null ? 'next' : null) });
};
/** The same, where some of it is refused. */
const but =
  (answers: Answers, fails: (asked: Asked) => Answered | undefined): Answers =>
  (asked) =>
    fails(asked) ?? answers(asked);
const conflict: Answered = {
  status: 409,
  body: { status: 409, code: 'resource.conflict', detail: 'The draft is another one by now; read it again.' },
};
const DOCUMENT = { statements: [] };
const draftOf = (letter: 'a' | 'b') => ({
  ...{ draft: letter === 'a' ? 1 : 2, hash: letter.repeat(64), document: DOCUMENT, review: null },
  ...{ writtenBy: 'usr_1', writtenAt: '2026-01-01T00:00:00.000Z' },
});
const policyOf =
  (draft: unknown, published: unknown): Answers =>
  (asked) => {
    const policy = {
      ...{
        id: 'pol_1',
        name: 'Payments',
        state: published ? 'published' : 'draft',
        version: published ? 1 : null,
      },
      ...{ rollout: null, rolloutDetail: null, assignmentList: [], assignments: 0, draft, published },
    };
    if (asked.what === 'GET /orgs/acme/policies/pol_1') return { body: policy };
    if (asked.what !== 'POST /orgs/acme/policies/check') return well(asked);
    return { body: { problems: [], conflicts: [], more: 0, undecided: 0, readings: {}, document: DOCUMENT } };
  };
const busy =
  (what: string) =>
  ({ what: asked }: Asked) =>
    asked === what ? refusal('limit.exceeded', 'Too much is asked.') : undefined;

const cameTo = (page: Page, wanted: string) =>
  page.waitForURL(({ pathname, search }) => `${pathname}${search}` === wanted);
const again = ({ page }: Shown) => page.getByRole('button', { name: 'Try again' });

describe('signing out', () => {
  it.each([503, 429])(
    'repro-still-signed-in: says that it failed (%i), and can be tried again',
    async (status) => {
      const shown = await pages.open('/orgs/acme/agents', (asked) =>
        asked.what === 'POST /auth/logout'
          ? { status, body: { status, code: 'service.unavailable', detail: 'The service does not answer.' } }
          : well(asked),
      );
      const { page } = shown;
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByText('You are still signed in').waitFor();
      await page.getByText('The service does not answer.').waitFor();
      expect(new URL(page.url()).pathname).toBe('/orgs/acme/agents');
      await page.locator('tr[data-agent="payments-eu"]').waitFor();
      shown.answers = but(well, ({ what }) => (what === 'POST /auth/logout' ? { status: 204 } : undefined));
      await again(shown).click();
      await cameTo(page, '/sign-in');
      await page.close();
    },
  );

  it('is done where the session is over already', async () => {
    const { page } = await pages.open('/orgs/acme/agents', (asked) =>
      asked.what === 'POST /auth/logout'
        ? { status: 401, body: { status: 401, code: 'auth.required', detail: 'Sign in.' } }
        : well(asked),
    );
    await page.getByRole('button', { name: 'Sign out' }).click();
    await cameTo(page, '/sign-in');
    await page.close();
  });
});

describe('enrolling an agent', () => {
  it('repro-waiting-for-ever: shows whoever came, in a large fleet and whatever the clock of the browser says', async () => {
    const expiresAt = '2026-01-31T12:15:00.000Z';
    const others = Array.from({ length: 50 }, (_, index) => agent(`agt_${index}`, `a-${index}`));
    let came: unknown[] = [];
    const shown = await pages.open('/orgs/acme/agents', ({ what, given }) => {
      if (what === 'POST /orgs/acme/enrolment-tokens')
        return { status: 201, body: { id: 'etk_1', token: 'kfe_token', expiresAt } };
      if (what !== 'GraphQL Agents') return undefined;
      return given.filter === 'enrolledAt >= "2026-01-31T12:00:00.000Z"' ? fleet(...came) : fleet(...others);
    });
    const { page } = shown;
    await page.getByRole('button', { name: 'Enrol an agent' }).first().click();
    await page.getByRole('button', { name: 'Make a token' }).click();
    await page.getByText('Waiting for the agent to connect…').waitFor();
    came = [agent('agt_new', 'zz-new')];
    shown.announce();
    await page.getByRole('alert').filter({ hasText: 'Connected' }).getByText('zz-new').waitFor();
    await page.close();
  });
});

describe('what could not be read again', () => {
  it('repro-lost-rows: leaves on screen what was read before, and a dialog open', async () => {
    const shown = await pages.open('/orgs/acme/agents/agt_1', well);
    const { page } = shown;
    await page.locator('tr[data-event="AgentCameOnline"]').waitFor();
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog').waitFor();
    shown.answers = but(but(well, busy('GraphQL Agent')), busy('GraphQL Events'));
    shown.announce();
    await page.getByText('The agent could not be read').waitFor();
    await page.getByText('The events could not be read').waitFor();
    await page.getByRole('dialog').getByText('Revoke payments-eu?').waitFor();
    expect(await page.locator('tr[data-event="AgentCameOnline"]').count()).toBe(1);
    await page.getByRole('button', { name: 'Keep it' }).click();
    shown.answers = well;
    await again(shown).first().click();
    await page.getByText('The agent could not be read').waitFor({ state: 'detached' });
    await again(shown).click();
    await page.getByText('The events could not be read').waitFor({ state: 'detached' });
    await page.close();
  });

  it('repro-lost-rows: is the next page only, where that is what failed', async () => {
    const shown = await pages.open('/orgs/acme/events', well);
    const { page } = shown;
    await page.locator('tr[data-event="AgentCameOnline"]').waitFor();
    shown.answers = but(well, busy('GraphQL Events'));
    await page.getByRole('button', { name: 'Show older' }).click();
    await page.getByText('The events could not be read').waitFor();
    expect(await page.locator('tr[data-event="AgentCameOnline"]').count()).toBe(1);
    shown.answers = well;
    shown.asked.length = 0;
    await again(shown).click();
    await page.locator('tr[data-event="AgentEnrolled"]').waitFor();
    expect(
      shown.asked.filter(({ what }) => what === 'GraphQL Events').map(({ given }) => given.after),
    ).toEqual(['next']);
    await page.close();
  });

  it('says so alone where nothing was read, and is read when it is tried again', async () => {
    const shown = await pages.open('/orgs/acme/events', but(well, busy('GraphQL Events')));
    await shown.page.getByText('The events could not be read').waitFor();
    shown.answers = well;
    await again(shown).click();
    await shown.page.locator('tr[data-event="AgentCameOnline"]').waitFor();
    await shown.page.close();
  });

  it('repro-lost-words: leaves a draft that is being written where it is', async () => {
    const answers = policyOf(draftOf('a'), null);
    const shown = await pages.open('/orgs/acme/policies/pol_1?tab=draft', answers);
    const { page } = shown;
    await page.getByText('YAML').click();
    await page.getByLabel('Policy text').fill('# not saved yet');
    shown.answers = but(answers, ({ what }) =>
      what === 'GET /orgs/acme/policies/pol_1'
        ? { status: 429, body: { status: 429, code: 'limit.exceeded', detail: 'Too much is asked.' } }
        : undefined,
    );
    shown.announce();
    await page.getByText('The policy could not be read').waitFor();
    expect(await page.getByLabel('Policy text').inputValue()).toBe('# not saved yet');
    await page.close();
  });
});

describe('discarding a draft', () => {
  it('repro-lost-draft: is of the one on screen, and says so where it is another one by now', async () => {
    const mine = policyOf(draftOf('a'), { version: 1, hash: 'f'.repeat(64), document: DOCUMENT });
    const theirs = policyOf(draftOf('b'), { version: 1, hash: 'f'.repeat(64), document: DOCUMENT });
    const shown = await pages.open('/orgs/acme/policies/pol_1?tab=draft', mine);
    const { page } = shown;
    const discarded: (string | null)[] = [];
    page.on('request', (request) => {
      if (request.method() === 'DELETE') discarded.push(new URL(request.url()).searchParams.get('hash'));
    });
    await page.getByRole('button', { name: 'Discard the draft' }).waitFor();
    shown.answers = but(theirs, ({ what }) => (what.startsWith('DELETE') ? conflict : undefined));
    await page.getByRole('button', { name: 'Discard the draft' }).click();
    await page.getByText('The draft was not discarded').waitFor();
    await page.getByText('Draft 2 saved').waitFor();
    shown.answers = but(theirs, ({ what }) => (what.startsWith('DELETE') ? { status: 204 } : undefined));
    await page.getByRole('button', { name: 'Discard the draft' }).click();
    await page.getByText('The draft was not discarded').waitFor({ state: 'detached' });
    expect(discarded).toEqual(['a'.repeat(64), 'b'.repeat(64)]);
    await page.close();
  });
});

describe('the events of one agent', () => {
  it('repro-lost-filter: stay those of that agent where a type is chosen, say so, and lead to all', async () => {
    const { page } = await pages.open('/orgs/acme/agents/agt_1', well);
    await page.getByRole('link', { name: 'AgentCameOnline' }).click();
    await cameTo(page, '/orgs/acme/events?type=AgentCameOnline&agentId=agt_1');
    await page.locator('[data-filter="agent"]').getByText('payments-eu').waitFor();
    await page.locator('[data-filter="type"]').getByText('AgentCameOnline').waitFor();
    await page.getByRole('link', { name: 'all types' }).click();
    await cameTo(page, '/orgs/acme/events?agentId=agt_1');
    await page.getByRole('link', { name: 'all agents' }).click();
    await cameTo(page, '/orgs/acme/events');
    await page.close();
  });

  it('repro-lost-filter: are none that match, and not none at all', async () => {
    const none: Answers = (asked) =>
      asked.what === 'GraphQL Events' ? data({ events: listOf([]) }) : well(asked);
    const { page } = await pages.open('/orgs/acme/events?agentId=agt_1', none);
    await page.getByText('No event matches').waitFor();
    await page.getByRole('link', { name: 'Clear the filter' }).click();
    await page.getByText('Nothing happened yet').waitFor();
    await page.close();
  });

  it('are what is exported', async () => {
    const shown = await pages.open('/orgs/acme/events?type=AgentCameOnline&agentId=agt_1', (asked) =>
      asked.what === 'GET /orgs/acme/events' ? { body: { items: [], nextCursor: null } } : well(asked),
    );
    const { page } = shown;
    const exported = page.waitForRequest(/\/api\/v1\/orgs\/acme\/events\?/);
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByRole('menuitem', { name: 'NDJSON' }).click();
    const search = new URL((await exported).url()).searchParams;
    expect(Object.fromEntries(search)).toMatchObject({ type: 'AgentCameOnline', agentId: 'agt_1' });
    await page.close();
  });
});
