import { classify } from '@keyfleet/contracts';
import { EVENT_CATALOGUE } from '@keyfleet/contracts/events';
import { eventView } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import { compileScoped, tenancyViolations } from '@keyfleet/read-store';
import fc from 'fast-check';
import { type AnalyticsWorld, analyticsWorld, ORG, OTHER } from '../testing/world.js';
import { eventsProjection } from './projection.js';
import { type EventList, listEvents } from './queries.js';
import type { EventTables } from './table.js';

let world: AnalyticsWorld;

beforeAll(async () => {
  world = await analyticsWorld();
});

beforeEach(() => world.empty(eventsProjection));

afterAll(() => world.close());

const agentId = newId('agt');
const list = (given: Partial<EventList> = {}) =>
  listEvents({ sql: world.as('kf_reader'), cursors: world.cursors, orgId: ORG, limit: 200, ...given });
const types = async (given: Partial<EventList> = {}) => (await list(given)).items.map(({ type }) => type);
const project = async () => world.project(eventsProjection, await world.events());

async function aDay(): Promise<void> {
  await world.happen(`agent-${agentId}`, 'AgentEnrolled', {
    agentId,
    name: 'site-1',
    nkey: 'UABC',
    labels: {},
  });
  await world.happen(`liveness-${agentId}`, 'AgentCameOnline', { agentId, first: true });
  await world.happen(`journal-${agentId}.1`, 'SecretCreated', { path: 'a/b' }, { actor: agentId });
  await world.happen('detection-ins_1', 'DetectionPaused', { reason: 'canary-late' }, { orgId: null });
  await world.happen('user-usr_1', 'UserSignedIn', { userId: 'usr_1' });
  await world.happen('agent-x', 'AgentRevoked', { agentId: newId('agt') }, { orgId: OTHER });
  await project();
}

describe('the timeline', () => {
  it('has everything of an organisation and of the installation, newest first', async () => {
    await aDay();
    const { items, nextCursor } = await list();
    expect(items.map(({ type }) => type)).toEqual([
      'UserSignedIn',
      'DetectionPaused',
      'SecretCreated',
      'AgentCameOnline',
      'AgentEnrolled',
    ]);
    expect(nextCursor).toBeNull();
    expect(eventView.parse(items[2])).toEqual({
      id: expect.stringMatching(/^evt_/),
      type: 'SecretCreated',
      v: 1,
      at: '2026-01-01T00:00:02Z',
      recordedAt: expect.stringMatching(/^2026-01-01T00:00:02/),
      position: expect.any(String),
      stream: `journal-${agentId}.1`,
      actor: agentId,
      data: { path: 'a/b' },
    });
    expect(await types({ orgId: OTHER })).toEqual(['AgentRevoked', 'DetectionPaused']);
  });

  it.each<[string, Partial<EventList>, string[]]>([
    ['one type', { type: 'SecretCreated' }, ['SecretCreated']],
    [
      'one agent, by stream and by what is said',
      { agentId },
      ['SecretCreated', 'AgentCameOnline', 'AgentEnrolled'],
    ],
    [
      'a time',
      { from: '2026-01-01T00:00:01Z', to: '2026-01-01T00:00:03Z' },
      ['SecretCreated', 'AgentCameOnline'],
    ],
    ['an actor', { filter: 'actor = usr_1 AND type:signed' }, ['UserSignedIn']],
    ['installation facts', { filter: 'stream:detection' }, ['DetectionPaused']],
    ['nothing', { type: 'SecretDeleted' }, []],
  ])('can be narrowed to %s', async (_what, given, expected) => {
    world.clock.jumpTo('2026-01-01T00:00:00.000Z');
    await aDay();
    expect(await types(given)).toEqual(expected);
  });

  it('comes in pages without holes or repeats, whatever is asked and however many', async () => {
    const kinds = fc.constantFrom<[string | null, string]>([ORG, 'A'], [OTHER, 'B'], [null, 'C'], [ORG, 'D']);
    await fc.assert(
      fc.asyncProperty(
        fc.array(kinds, { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        async (all, limit) => {
          await world.empty(eventsProjection);
          for (const [orgId, type] of all) await world.happen('thing-1', type, {}, { orgId, ms: 0 });
          await project();
          for (const type of [undefined, 'A', 'C']) {
            const found: string[] = [];
            let cursor: string | undefined;
            do {
              const page = await list({ type, limit, cursor });
              found.push(...page.items.map((item) => item.type));
              cursor = page.nextCursor ?? undefined;
            } while (cursor !== undefined);
            const seen = all.filter(([orgId, of]) => orgId !== OTHER && (type === undefined || of === type));
            expect(found).toEqual(seen.map(([, of]) => of).reverse());
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it('refuses a cursor of another question', async () => {
    await aDay();
    const cursor = (await list({ limit: 1 })).nextCursor as string;
    for (const given of [
      { orgId: OTHER },
      { type: 'A' },
      { agentId },
      { filter: 'type:a' },
      { from: '2026-01-01T00:00:00Z' },
    ])
      await expect(list({ cursor, ...given })).rejects.toMatchObject({ code: 'cursor.invalid' });
    await expect(list({ filter: 'data = x' })).rejects.toMatchObject({ code: 'filter.invalid' });
  });

  it('repro-half-emoji: shows what was stored with a text that is none, with U+FFFD in its place', async () => {
    const anything = fc.array(
      fc.oneof(
        fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
        fc.constantFrom('\0', '\u001e', '\\', '\\u0000', '"', '\ud83d', '\ude00'),
      ),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(anything, async (units) => {
        const comment = units.join('');
        await world.empty(eventsProjection);
        await world.happen('policy-a', 'PolicyReviewRequested', {
          comment,
          nested: { [comment]: [comment] },
        });
        await project();
        const mended = comment.toWellFormed().replaceAll('\0', '\ufffd');
        const { items } = await list();
        expect(items.map(({ data }) => data)).toEqual([{ comment: mended, nested: { [mended]: [mended] } }]);
      }),
      { numRuns: 100, examples: [[['ok \ud83d']], [['a', '\0']]] },
    );
  });

  it('F16: is the same when its events come again, and parts of them late', async () => {
    await aDay();
    const before = await list();
    const events = await world.events();
    await world.project(eventsProjection, events);
    for (const table of ['events_v1', 'installation_events_v1'])
      await world.as('kf_worker').unsafe(`delete from analytics.${table}`);
    await world.project(eventsProjection, events.slice(3));
    await world.project(eventsProjection, events.slice(0, 3));
    expect(await list()).toEqual(before);
  });

  it('S18: shows no field by which a credential could be recognised, of any event there is', async () => {
    const suspicious = /hash$|nkey|^serial$|^token$|signature|password|^secret$/i;
    const shown = new Set<string>();
    for (const definition of Object.values(EVENT_CATALOGUE).flat()) {
      const fields = [...classify(definition.data)].filter(([, found]) => found === 'sensitive');
      const names = fields
        .map(([path]) => path.split('/')[1] as string)
        .filter((name) => suspicious.test(name));
      await world.empty(eventsProjection);
      await world.happen('thing-1', definition.type, Object.fromEntries(names.map((name) => [name, 'x'])));
      await project();
      for (const name of Object.keys((await list()).items[0]?.data ?? {}))
        shown.add(`${definition.type}.${name}`);
    }
    // The name of the secret asked for is metadata the organisation may see.
    expect([...shown]).toEqual(['AccessDenied.secret']);
  });

  it('S10: is hidden from others when a query forgets its organisation, and from everybody without a scope', async () => {
    await aDay();
    const reader = world.as('kf_reader');
    expect(await reader`select * from analytics.events`).toEqual([]);
    const { text, parameters } = compileScoped<EventTables, { type: string }>(OTHER, (db) =>
      db.selectFrom('analytics.events as e').select('e.type').orderBy('e.position'),
    );
    expect(await reader.unsafe(text, parameters as never[])).toEqual([{ type: 'AgentRevoked' }]);
    expect(await tenancyViolations(world.as('kf_owner'))).toEqual([]);
  });
});
