import { CAREFULLY, type PolicyDocument } from '@keyfleet/contracts';
import { policySummary, policyVersionView, policyView } from '@keyfleet/contracts/http';
import { deriveId } from '@keyfleet/platform';
import fc from 'fast-check';
import { type Happening, type ReadModelWorld, readModelWorld } from '../testing/world.js';
import { policiesProjection } from './projection.js';
import { getPolicy, getPolicyVersion, listPolicies, listPolicyVersions } from './queries.js';
import { getPolicyStandings } from './standing.js';

const [ORG, OTHER] = [deriveId('org', 'a'), deriveId('org', 'b')];
const HASH = 'ab'.repeat(32);
let world: ReadModelWorld;

beforeAll(async () => {
  world = await readModelWorld(policiesProjection);
}, 60_000);
beforeEach(async () => {
  await world.empty();
  world.clock.jumpTo('2026-01-01T00:00:00.000Z');
});
afterAll(() => world.close());

const idOf = (name: string) => deriveId('pol', name);
const documentOf = (...ids: string[]): PolicyDocument => ({
  statements: ids.map((id) => ({
    id,
    effect: 'allow',
    principals: ['*'],
    actions: ['read'],
    resources: ['team/**'],
  })),
});

/** Facts of one policy, as its stream has them. */
function policy(name: string) {
  const policyId = idOf(name);
  const fact = (type: string, data: object): Happening => [`policy-${policyId}`, type, { policyId, ...data }];
  return {
    drafted: (draft: number, document = documentOf('one'), basedOn: number | null = null) =>
      fact('PolicyDrafted', { name, draft, document, hash: HASH, basedOn }),
    discarded: (draft: number) => fact('PolicyDraftDiscarded', { draft }),
    asked: (draft: number) => fact('PolicyReviewRequested', { draft, hash: HASH, comment: null }),
    reviewed: (draft: number, verdict: string) =>
      fact('PolicyReviewed', { draft, hash: HASH, verdict, comment: 'read' }),
    published: (version: number, draft: number | null, document = documentOf('one')) =>
      fact('PolicyPublished', { version, hash: HASH, document, draft, restores: draft === null ? 1 : null }),
    retired: () => fact('PolicyRetired', {}),
    assigned: (assignmentId: string) =>
      fact('PolicyAssigned', { assignmentId, target: { kind: 'organisation' } }),
    unassigned: (assignmentId: string) => fact('PolicyUnassigned', { assignmentId }),
    rollout: (type: string, version: number, data: object = {}) =>
      fact(`Rollout${type}`, { version, ...data }),
  };
}

const scope = () => ({ sql: world.as('kf_reader'), orgId: ORG });
const view = async (name: string) => (await getPolicy(scope(), idOf(name)))?.view;
const list = (given: Partial<Parameters<typeof listPolicies>[0]> = {}) =>
  listPolicies({ ...scope(), cursors: world.cursors, limit: 50, ...given });
const names = async (given = {}) => (await list(given)).items.map(({ name }) => name);

describe('a policy', () => {
  it('goes from draft through review to a version, and shows each step', async () => {
    const it = policy('reads');
    await world.happen(ORG, [it.drafted(1, documentOf('one', 'two'))]);
    expect(policyView.parse(await view('reads'))).toMatchObject({
      ...{ state: 'draft', version: null, hasDraft: true, statements: 2, assignments: 0, published: null },
      draft: { draft: 1, writtenBy: 'usr_1', basedOn: null, review: null },
    });
    await world.happen(ORG, [it.asked(1)]);
    expect((await view('reads'))?.draft?.review).toMatchObject({ state: 'requested', comment: null });
    await world.happen(ORG, [it.reviewed(1, 'approved')]);
    expect((await view('reads'))?.draft?.review).toMatchObject({ state: 'approved', comment: 'read' });
    await world.happen(ORG, [it.published(1, 1, documentOf('one', 'two')), it.assigned('all')]);
    const found = await getPolicy(scope(), idOf('reads'));
    expect(found?.revision).toBe('4');
    expect(policyView.parse(found?.view)).toMatchObject({
      ...{ state: 'published', version: 1, hasDraft: false, statements: 2, assignments: 1, draft: null },
      published: { version: 1, hash: HASH, document: documentOf('one', 'two') },
      assignmentList: [{ id: 'all', target: { kind: 'organisation' }, assignedBy: 'usr_1' }],
    });
    await world.happen(ORG, [it.unassigned('all'), it.retired()]);
    expect(await view('reads')).toMatchObject({ state: 'retired', assignments: 0 });
  });

  it('keeps what belongs to another draft apart', async () => {
    const it = policy('reads');
    await world.happen(ORG, [it.drafted(1), it.drafted(2), it.reviewed(1, 'approved'), it.discarded(1)]);
    expect((await view('reads'))?.draft).toMatchObject({ draft: 2, review: null });
    await world.happen(ORG, [it.drafted(3), it.published(1, 2)]);
    expect(await view('reads')).toMatchObject({ version: 1, draft: { draft: 3 } });
    await world.happen(ORG, [it.discarded(3)]);
    expect(await view('reads')).toMatchObject({ hasDraft: false, draft: null });
  });

  it('shows how far its rollout is, and why it went back', async () => {
    const it = policy('reads');
    await world.happen(ORG, [
      it.drafted(1),
      it.published(1, 1),
      it.rollout('Started', 1, { from: null, plan: CAREFULLY }),
      it.rollout('Advanced', 1, { wave: 1 }),
      it.rollout('Paused', 1, { wave: 1 }),
    ]);
    expect(policyView.parse(await view('reads')).rolloutDetail).toMatchObject({
      ...{ version: 1, from: null, wave: 1, state: 'paused', plan: CAREFULLY, halt: null },
      startedAt: '2026-01-01T00:00:02.000Z',
      changedAt: '2026-01-01T00:00:04.000Z',
    });
    await world.happen(ORG, [it.rollout('Resumed', 1, { wave: 1 })]);
    expect(await view('reads')).toMatchObject({ rollout: 'running' });
    const figures = { reason: 'rejected', rejected: 1, denied: 0, agents: 7 };
    await world.happen(ORG, [it.rollout('Halted', 1, { wave: 1, from: null, ...figures })]);
    expect(await view('reads')).toMatchObject({ rollout: 'halted', rolloutDetail: { halt: figures } });
    await world.happen(ORG, [
      it.published(2, null),
      it.rollout('Started', 2, { from: 1, plan: CAREFULLY }),
      it.rollout('Completed', 1, { agents: 3 }),
    ]);
    expect(await view('reads')).toMatchObject({ rollout: 'running', rolloutDetail: { version: 2, from: 1 } });
    await world.happen(ORG, [it.rollout('Completed', 2, { agents: 3 })]);
    expect(await view('reads')).toMatchObject({ rollout: 'completed' });
  });

  it('was changed by who changed it, not by the service that carries its rollout on', async () => {
    const it = policy('reads');
    await world.happen(ORG, [it.drafted(1), it.published(1, 1)]);
    await world.happen(ORG, [it.rollout('Started', 1, { from: null, plan: CAREFULLY })]);
    const before = await view('reads');
    const [stream, type, data] = it.rollout('Completed', 1, { agents: 3 });
    await world.happen(ORG, [[stream, type, data, 'svc_policy']]);
    const { changedBy, changedAt, rollout } = before as NonNullable<typeof before>;
    expect([changedBy, rollout]).toEqual(['usr_1', 'running']);
    expect(await view('reads')).toMatchObject({ changedBy, changedAt, rollout: 'completed' });
  });

  it('has all its versions, newest first, in pages', async () => {
    const it = policy('reads');
    await world.happen(ORG, [
      it.drafted(1),
      ...[1, 2, 3].map((version) =>
        it.published(version, version < 3 ? version : null, documentOf(`v${version}`)),
      ),
    ]);
    const page = (cursor?: string) =>
      listPolicyVersions({ ...scope(), cursors: world.cursors, policyId: idOf('reads'), limit: 2, cursor });
    const first = await page();
    expect(first.items.map((one) => policyVersionView.parse(one).version)).toEqual([3, 2]);
    expect((await page(first.nextCursor as string)).items.map(({ version }) => version)).toEqual([1]);
    expect(await getPolicyVersion(scope(), idOf('reads'), 3)).toMatchObject({
      ...{ restores: 1, document: documentOf('v3'), publishedBy: 'usr_1' },
    });
    expect(await getPolicyVersion(scope(), idOf('reads'), 4)).toBeNull();
  });

  it('F13: is the same from one batch, from many, and when its past comes again', async () => {
    const it = policy('reads');
    const step = fc.constantFrom(
      ...[it.drafted(2), it.discarded(2), it.asked(1), it.reviewed(2, 'rejected'), it.published(1, 2)],
      ...[it.assigned('a'), it.assigned('b'), it.unassigned('a'), it.retired()],
      ...[it.rollout('Started', 1, { from: null, plan: CAREFULLY }), it.rollout('Advanced', 1, { wave: 2 })],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, size) => {
          await world.empty();
          const events = await world.happen(ORG, [it.drafted(1), ...steps]);
          const whole = await getPolicy(scope(), idOf('reads'));
          await world.project(events.slice(0, size));
          expect(await getPolicy(scope(), idOf('reads'))).toEqual(whole);
          for (const table of ['policies', 'policy_versions'])
            await world.as('kf_worker').unsafe(`delete from policy.${table}_v1`);
          for (let from = 0; from < events.length; from += size)
            await world.project(events.slice(from, from + size));
          expect(await getPolicy(scope(), idOf('reads'))).toEqual(whole);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('the list of policies', () => {
  it('comes by name, in pages, filtered', async () => {
    await world.happen(ORG, [
      ...['c', 'a', 'b'].map((name) => policy(name).drafted(1)),
      policy('a').published(1, 1),
      policy('a').rollout('Started', 1, { from: null, plan: CAREFULLY }),
    ]);
    const first = await list({ limit: 2 });
    expect(first.items.map((item) => policySummary.parse(item).name)).toEqual(['a', 'b']);
    expect(await names({ limit: 2, cursor: first.nextCursor })).toEqual(['c']);
    expect(await names({ filter: 'state = draft' })).toEqual(['b', 'c']);
    expect(await names({ filter: 'rollout = running' })).toEqual(['a']);
    expect(await names({ filter: 'version >= 1 AND changedBy = usr_1' })).toEqual(['a']);
    await expect(list({ filter: 'stat = draft' })).rejects.toMatchObject({ code: 'filter.invalid' });
  });

  it('S9, S10: has nothing of others, by whatever way it is asked', async () => {
    await world.happen(OTHER, [policy('theirs').drafted(1), policy('theirs').published(1, 1)]);
    await world.happen(ORG, [policy('ours').drafted(1)]);
    expect(await names()).toEqual(['ours']);
    expect(await view('theirs')).toBeUndefined();
    const standings = await getPolicyStandings(scope(), [idOf('ours'), idOf('theirs'), idOf('nobody')]);
    expect(standings).toEqual([
      { id: idOf('ours'), name: 'ours', state: 'draft', assignments: [], rollout: null },
    ]);
    expect(await getPolicyVersion(scope(), idOf('theirs'), 1)).toBeNull();
    for (const table of ['policies', 'policy_versions'])
      expect(await world.as('kf_reader').unsafe(`select * from policy.${table}`)).toEqual([]);
  });
});
