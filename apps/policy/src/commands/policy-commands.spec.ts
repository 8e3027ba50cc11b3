import type { Permission, PolicyDocument } from '@keyfleet/contracts';
import {
  assignPolicy,
  controlRollout,
  discardDraft,
  draftPolicy,
  publishPolicy,
  requestReview,
  retirePolicy,
  reviewPolicy,
  unassignPolicy,
} from '@keyfleet/contracts/messages';
import { newId } from '@keyfleet/platform';
import { policyStream } from '@keyfleet/policy/domain';
import { groupStream } from '@keyfleet/registry/domain';
import { type Asker, createStage, type Stage } from '../testing/stage.js';

jest.setTimeout(60_000);

const WRITE: readonly Permission[] = ['policies:read', 'policies:write'];
const ALL: readonly Permission[] = [...WRITE, 'policies:publish'];
const documentOf = (path: string, condition?: string): PolicyDocument => ({
  statements: [
    {
      ...{ id: 'one', effect: 'allow', principals: ['app:a'], actions: ['read'], resources: [path] },
      ...(condition !== undefined && { condition }),
    },
  ],
});
const draftOf = (name: string, path = 'a/**') => ({ name, content: { document: documentOf(path) } });

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
}, 120_000);
afterAll(() => stage?.close(), 60_000);

const factsOf = async (policyId: string) => stage.store.readStream(policyStream(policyId));
const typesOf = async (policyId: string) => (await factsOf(policyId)).map(({ type }) => type);
const hashOf = async (policyId: string) =>
  ((await factsOf(policyId)).findLast(({ type }) => type === 'PolicyDrafted')?.data as { hash: string }).hash;

async function published(owner: Asker, reviewer: Asker, name: string): Promise<string> {
  const { id: policyId } = (await owner.ask(draftPolicy, draftOf(name))).data;
  await reviewer.ask(reviewPolicy, { policyId, hash: await hashOf(policyId), verdict: 'approved' });
  await owner.ask(publishPolicy, { policyId });
  return policyId;
}

describe('commands of policies over the broker', () => {
  it('carry a policy from its draft to a rollout under control', async () => {
    const owner = await stage.member(ALL);
    const reviewer = await stage.member(WRITE, owner.orgId);
    const { data, revision, position } = await owner.ask(draftPolicy, draftOf('Billing'));
    expect([data, revision]).toEqual([{ id: data.id, name: 'Billing', draft: 1, version: null }, '0']);
    expect(position).toEqual(expect.any(String));
    const policyId = data.id;
    await owner.ask(requestReview, { policyId, comment: 'please' });
    await reviewer.ask(reviewPolicy, { policyId, hash: await hashOf(policyId), verdict: 'approved' });
    const plan = { waves: [10, 100], soakSeconds: 60, haltOn: { rejected: 1, deniedPercent: null } };
    await expect(owner.ask(publishPolicy, { policyId, plan })).resolves.toMatchObject({
      data: { draft: null, version: 1 },
    });
    await expect(owner.ask(publishPolicy, { policyId, restore: 1 })).rejects.toMatchObject({
      code: 'policy.rollout-running',
    });
    for (const action of ['pause', 'resume', 'advance', 'halt'] as const)
      await owner.ask(controlRollout, { policyId, action });
    await owner.ask(retirePolicy, { policyId });
    expect(await typesOf(policyId)).toEqual([
      ...['PolicyDrafted', 'PolicyReviewRequested', 'PolicyReviewed', 'PolicyPublished', 'RolloutStarted'],
      ...['RolloutPaused', 'RolloutResumed', 'RolloutAdvanced', 'RolloutHalted', 'PolicyRetired'],
    ]);
  });

  it('repro: let a person complete a rollout that waits for an agent which cannot answer, and publish again', async () => {
    const owner = await stage.member(ALL);
    const reviewer = await stage.member(WRITE, owner.orgId);
    const policyId = await published(owner, reviewer, 'Waits');
    await owner.ask(draftPolicy, { policyId, ...draftOf('Waits', 'b/**') });
    await reviewer.ask(reviewPolicy, { policyId, hash: await hashOf(policyId), verdict: 'approved' });
    const publish = () => owner.ask(publishPolicy, { policyId });
    await expect(publish()).rejects.toMatchObject({ code: 'policy.rollout-running' });
    const advance = { policyId, action: 'advance' } as const;
    await expect(reviewer.ask(controlRollout, advance)).rejects.toMatchObject({ code: 'auth.forbidden' });
    await owner.ask(controlRollout, advance);
    expect((await factsOf(policyId)).at(-1)).toMatchObject({
      type: 'RolloutCompleted',
      data: { policyId, version: 1 },
      metadata: { actor: owner.userId },
    });
    await expect(owner.ask(controlRollout, advance)).rejects.toMatchObject({ code: 'resource.conflict' });
    await expect(publish()).resolves.toMatchObject({ data: { version: 2 } });
  });

  it('make a policy once per Idempotency-Key, and change it at the revision that was read only', async () => {
    const owner = await stage.member(ALL);
    const key = { commandId: newId('cmd'), bodyHash: 'a'.repeat(64) };
    const first = await owner.ask(draftPolicy, draftOf('Once'), key);
    await expect(owner.ask(draftPolicy, draftOf('Once'), key)).resolves.toEqual(first);
    const policyId = first.data.id;
    await owner.ask(draftPolicy, { policyId, ...draftOf('Once', 'b/**') }, { ifMatch: '0' });
    await expect(
      owner.ask(draftPolicy, { policyId, ...draftOf('Once', 'c/**') }, { ifMatch: '0' }),
    ).rejects.toMatchObject({ code: 'revision.mismatch' });
    await owner.ask(discardDraft, { policyId });
    expect(await typesOf(policyId)).toEqual(['PolicyDrafted', 'PolicyDrafted', 'PolicyDraftDiscarded']);
  });

  it('repro-lost-draft: replace no draft, and publish none, that was not seen by who asks for it', async () => {
    const ada = await stage.member(ALL);
    const bob = await stage.member(WRITE, ada.orgId);
    const { id: policyId } = (await ada.ask(draftPolicy, { ...draftOf('Two'), replaces: null })).data;
    const seen = await hashOf(policyId);
    await bob.ask(draftPolicy, { policyId, ...draftOf('Two', 'bobs/**'), replaces: seen });
    await expect(
      ada.ask(draftPolicy, { policyId, ...draftOf('Two', 'adas/**'), replaces: seen }),
    ).rejects.toMatchObject({
      code: 'resource.conflict',
      details: { detail: expect.stringContaining('another one by now') },
    });
    await expect(ada.ask(discardDraft, { policyId, hash: seen })).rejects.toMatchObject({
      code: 'resource.conflict',
    });
    const carol = await stage.member(WRITE, ada.orgId);
    const hash = await hashOf(policyId);
    await carol.ask(reviewPolicy, { policyId, hash, verdict: 'approved' });
    await expect(ada.ask(publishPolicy, { policyId, hash: seen })).rejects.toMatchObject({
      code: 'resource.conflict',
    });
    await ada.ask(publishPolicy, { policyId, hash });
    expect(await typesOf(policyId)).toEqual([
      ...['PolicyDrafted', 'PolicyDrafted', 'PolicyReviewed', 'PolicyPublished', 'RolloutStarted'],
    ]);
  });

  it('name every problem of a text with line and column, and of a document with its place', async () => {
    const owner = await stage.member(ALL);
    const text = [
      'statements:',
      '  - id: one',
      '    effect: allow',
      '    principals: [app:a]',
      '    actions: [reed]',
      '    resources: [a/**]',
    ].join('\n');
    await expect(owner.ask(draftPolicy, { name: 'Bad', content: { text } })).rejects.toMatchObject({
      code: 'policy.invalid',
      details: {
        errors: [{ pointer: '/statements/0/actions/0', message: expect.stringMatching(/^5:\d+ /) }],
      },
    });
    await expect(
      owner.ask(draftPolicy, { name: 'Bad', content: { document: documentOf('a/**', 'nobody == 1') } }),
    ).rejects.toMatchObject({
      code: 'policy.invalid',
      details: { errors: [{ pointer: '/statements/0/condition' }] },
    });
    await expect(owner.ask(draftPolicy, { name: 'Bad', content: { text: '{' } })).rejects.toMatchObject({
      code: 'policy.invalid',
    });
    // A name of a policy that never came to be is free.
    await owner.ask(draftPolicy, draftOf('Bad'));
  });

  it('refuse a document too large for what carries it', async () => {
    const owner = await stage.member(ALL);
    const [one] = documentOf('a/**').statements;
    const resources = Array.from({ length: 100 }, (_, n) => `${'x'.repeat(60)}/${n}`);
    const statements = Array.from({ length: 50 }, (_, n) => ({ ...(one as object), id: `s${n}`, resources }));
    const text = JSON.stringify({ statements });
    expect(text.length).toBeLessThan(400_000);
    await expect(owner.ask(draftPolicy, { name: 'Huge', content: { text } })).rejects.toMatchObject({
      code: 'policy.invalid',
      details: { errors: [{ message: expect.stringContaining('192 KiB') }] },
    });
  });

  it('keep a name for one policy of an organisation, however many ask at once', async () => {
    const owner = await stage.member(ALL);
    const names = ['Shared', 'shared', ' SHARED ', 'Shared'];
    const asked = await Promise.allSettled(names.map((name) => owner.ask(draftPolicy, draftOf(name.trim()))));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = asked.filter((one) => one.status === 'rejected');
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'policy.name-taken' });
    const elsewhere = await stage.member(ALL);
    await elsewhere.ask(draftPolicy, draftOf('Shared'));
  });

  it('give a name on that its policy has no more, and no other', async () => {
    const owner = await stage.member(ALL);
    const { id: policyId } = (await owner.ask(draftPolicy, draftOf('Old name'))).data;
    await owner.ask(draftPolicy, { policyId, ...draftOf('New name') });
    // Claims under way are left alone for a while: these are old.
    await stage.sql`update policy.name_claims set claimed_at = now() - interval '1 minute'
      where org_id = ${owner.orgId}`;
    await owner.ask(draftPolicy, draftOf('Old name'));
    await expect(owner.ask(draftPolicy, draftOf('New name'))).rejects.toMatchObject({
      code: 'policy.name-taken',
    });
    await owner.ask(retirePolicy, { policyId });
    await owner.ask(draftPolicy, draftOf('New name'));
  });

  it('let nobody review a draft of their own, nor by a token of theirs', async () => {
    const owner = await stage.member(ALL);
    const author = await stage.token(owner, ALL);
    const { id: policyId } = (await author.ask(draftPolicy, draftOf('Alone'))).data;
    const verdict = { policyId, hash: await hashOf(policyId), verdict: 'approved' } as const;
    for (const asker of [owner, author, await stage.token(owner, ALL)])
      await expect(asker.ask(reviewPolicy, verdict)).rejects.toMatchObject({ code: 'policy.own-review' });
    const other = await stage.member(ALL, owner.orgId);
    const tokenOfOther = await stage.token(other, ALL);
    await expect(tokenOfOther.ask(reviewPolicy, verdict)).rejects.toMatchObject({
      code: 'policy.own-review',
    });
    await expect(owner.ask(publishPolicy, { policyId })).rejects.toMatchObject({
      code: 'policy.not-reviewed',
    });
    await other.ask(reviewPolicy, verdict);
    await owner.ask(publishPolicy, { policyId });
  });

  it('assign to what there is only, and the same once', async () => {
    const owner = await stage.member(ALL);
    const reviewer = await stage.member(WRITE, owner.orgId);
    const policyId = await published(owner, reviewer, 'Assigned');
    const groupId = newId('grp');
    const at = '2026-01-01T00:00:00.000Z';
    const terms = { groupId, name: 'Prod', selector: 'labels.env = prod', offlineAfterSeconds: null };
    const [defined, foreign] = [owner.orgId, newId('org')].map((orgId) => ({
      ...{ id: newId('evt'), type: 'GroupDefined', v: 1, data: terms },
      metadata: { orgId, actor: owner.userId, at },
    }));
    const foreignGroup = newId('grp');
    await stage.store.append(groupStream(groupId), 'no-stream', [defined as never]);
    await stage.store.append(groupStream(foreignGroup), 'no-stream', [foreign as never]);
    const assign = (target: object) => owner.ask(assignPolicy, { policyId, target: target as never });
    const first = await assign({ kind: 'group', groupId });
    expect(first).not.toHaveProperty('unchanged');
    const { assignmentId } = first.data;
    await expect(assign({ kind: 'group', groupId })).resolves.toMatchObject({
      ...{ data: { assignmentId }, unchanged: true },
    });
    await assign({ kind: 'selector', selector: 'labels.env = prod' });
    await assign({ kind: 'organisation' });
    for (const [target, pointer] of [
      [{ kind: 'group', groupId: newId('grp') }, '/target/groupId'],
      [{ kind: 'group', groupId: foreignGroup }, '/target/groupId'],
      [{ kind: 'agent', agentId: newId('agt') }, '/target/agentId'],
      [{ kind: 'selector', selector: 'labels.env =' }, '/target/selector'],
    ] as const)
      await expect(assign(target)).rejects.toMatchObject({
        code: 'request.invalid',
        details: { errors: [{ pointer }] },
      });
    await owner.ask(unassignPolicy, { policyId, assignmentId });
    expect((await typesOf(policyId)).slice(-4)).toEqual([
      ...['PolicyAssigned', 'PolicyAssigned', 'PolicyAssigned', 'PolicyUnassigned'],
    ]);
  });

  it('S9: look absent to everybody else, and to those who may do less are forbidden', async () => {
    const owner = await stage.member(ALL);
    const writer = await stage.member(WRITE, owner.orgId);
    const reader = await stage.member(['policies:read'], owner.orgId);
    const policyId = await published(owner, writer, 'Guarded');
    const changes = [
      [retirePolicy, { policyId }],
      [publishPolicy, { policyId }],
      [unassignPolicy, { policyId, assignmentId: 'organisation' }],
      [controlRollout, { policyId, action: 'halt' }],
      [assignPolicy, { policyId, target: { kind: 'organisation' } }],
    ] as const;
    for (const [contract, data] of changes)
      await expect(writer.ask(contract as never, data as never)).rejects.toMatchObject({
        code: 'auth.forbidden',
      });
    const writes = [
      [draftPolicy, { policyId, ...draftOf('Mine') }],
      [discardDraft, { policyId }],
      [requestReview, { policyId }],
      [reviewPolicy, { policyId, hash: 'a'.repeat(64), verdict: 'approved' }],
    ] as const;
    for (const [contract, data] of writes)
      await expect(reader.ask(contract as never, data as never)).rejects.toMatchObject({
        code: 'auth.forbidden',
      });
    const stranger = await stage.member(ALL);
    for (const [contract, data] of [...changes, ...writes])
      await expect(stranger.ask(contract as never, data as never)).rejects.toMatchObject({
        code: 'resource.not-found',
      });
    expect(await typesOf(policyId)).toHaveLength(4);
    expect(stage.failures).toEqual([]);
  });
});
