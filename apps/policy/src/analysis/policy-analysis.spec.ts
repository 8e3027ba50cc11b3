import type { Permission, PolicyStatement } from '@keyfleet/contracts';
import {
  askAccess,
  assignPolicy,
  checkPolicy,
  draftPolicy,
  publishPolicy,
  replayPolicy,
  reviewPolicy,
} from '@keyfleet/contracts/messages';
import { newId, systemClock } from '@keyfleet/platform';
import { policyStream } from '@keyfleet/policy/domain';
import { waitFor } from '@keyfleet/testing';
import { type Asker, createStage, type Stage } from '../testing/stage.js';

jest.setTimeout(60_000);

const ALL: readonly Permission[] = ['policies:read', 'policies:write', 'policies:publish'];
const statement = (changed: Partial<PolicyStatement> = {}): PolicyStatement => ({
  ...{ id: 'one', effect: 'allow', principals: ['app:a'], actions: ['read'], resources: ['team/**'] },
  ...changed,
});
const contentOf = (...statements: PolicyStatement[]) => ({ document: { statements } });

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
}, 120_000);
afterAll(() => stage?.close(), 60_000);

async function twoPeople() {
  const owner = await stage.member(ALL);
  return { owner, reviewer: await stage.member(ALL, owner.orgId) };
}

/** Published for everybody, and seen by whoever reads. */
async function published(
  { owner, reviewer }: { readonly owner: Asker; readonly reviewer: Asker },
  name: string,
  ...statements: PolicyStatement[]
): Promise<string> {
  const content = contentOf(...statements);
  const { id: policyId } = (await owner.ask(draftPolicy, { name, content })).data;
  const [drafted] = await stage.store.readStream(policyStream(policyId));
  const { hash } = drafted?.data as { hash: string };
  await reviewer.ask(reviewPolicy, { policyId, hash, verdict: 'approved' });
  await owner.ask(publishPolicy, { policyId });
  await owner.ask(assignPolicy, { policyId, target: { kind: 'organisation' } });
  await waitFor(async () => {
    const rows = await stage.sql`select 1 from policy.policy_versions where policy_id = ${policyId}`;
    return rows.length > 0;
  });
  return policyId;
}

describe('a check of a policy', () => {
  it('says everything about it at once', async () => {
    const { owner } = await twoPeople();
    const text =
      'statements:\n  - {id: one, effect: allow, principals: [app:a], actions: [read], resources: [team/**]}\n';
    const { data } = await owner.ask(checkPolicy, { content: { text } });
    expect(data).toMatchObject({
      ...{ document: { statements: [statement()] }, problems: [], conflicts: [], undecided: 0 },
      readings: { one: 'Allows app:a to read everything below team/.' },
      yaml: expect.stringContaining('- id: one'),
      json: expect.stringContaining('"id": "one"'),
    });
    const broken = await owner.ask(checkPolicy, { content: { text: text.replace('allow', 'alow') } });
    expect(broken.data).toMatchObject({
      ...{ document: null, conflicts: [], yaml: null },
      problems: [{ code: 'schema', pointer: '/statements/0/effect', line: 2 }],
    });
  });

  it.each(['\\ud83d', '\\0'])('repro-half-emoji: finds %s in a condition, at its place', async (escaped) => {
    const { owner } = await twoPeople();
    const text = `statements:
  - {id: one, effect: allow, principals: [app:a], actions: [read], resources: [team/**],
     condition: "principal == '${escaped}'"}
`;
    const { data } = await owner.ask(checkPolicy, { content: { text } });
    const pointer = '/statements/0/condition';
    expect(data).toMatchObject({ document: null, problems: [{ code: 'schema', pointer, line: 3 }] });
    await expect(owner.ask(draftPolicy, { name: 'Half', content: { text } })).rejects.toMatchObject({
      code: 'policy.invalid',
      details: { errors: [{ pointer, message: expect.stringMatching(/^3:/) }] },
    });
    expect(stage.failures).toEqual([]);
  });

  it('finds conflicts with the policies there are, in the place of its own', async () => {
    const people = await twoPeople();
    const deny = statement({ id: 'never', effect: 'deny', principals: ['*'], resources: ['team/secret'] });
    const denying = await published(people, 'Never', deny);
    const own = await published(people, 'Own', statement());
    const { owner } = people;
    const { data } = await owner.ask(checkPolicy, { content: contentOf(statement()), policyId: own });
    expect(data.conflicts).toEqual([
      {
        kind: 'contradiction',
        statement: { policyId: own, version: 2, statement: 'one' },
        other: { policyId: denying, version: 1, statement: 'never' },
        example: expect.objectContaining({ principal: 'app:a', action: 'read', path: 'team/secret' }),
      },
    ]);
    const asNew = await owner.ask(checkPolicy, { content: contentOf(statement()) });
    const kinds = asNew.data.conflicts.map(({ kind, other }) => [kind, other?.policyId]);
    expect(kinds).toContainEqual(['redundant', own]);
    expect(kinds).toContainEqual(['contradiction', denying]);
  });

  it('takes a policy with as many statements as it may have', async () => {
    const { owner } = await twoPeople();
    const statements = Array.from({ length: 1_000 }, (_, n) =>
      statement({ id: `s${n}`, resources: [`team-${n}/**`] }),
    );
    const { data } = await owner.ask(checkPolicy, { content: contentOf(...statements) });
    expect(data.document?.statements).toHaveLength(1_000);
    expect(data.conflicts).toEqual([]);
  });
});

describe('who can do what', () => {
  it('is answered from what is published', async () => {
    const people = await twoPeople();
    const policyId = await published(
      people,
      'Access',
      statement({ condition: 'secondFactor' }),
      statement({ id: 'ops', principals: ['@ops'], actions: ['*'] }),
      statement({ id: 'no', effect: 'deny', principals: ['@ops'], actions: ['delete'], resources: ['**'] }),
    );
    const { owner } = people;
    const ask = async (question: object) => (await owner.ask(askAccess, question)).data.items;
    expect(await ask({ principal: 'app:a', action: 'read', path: 'team/x' })).toContainEqual({
      statement: { policyId, version: 1, statement: 'one' },
      ...{ principals: ['app:a'], actions: ['read'], resources: ['team/**'] },
      when: 'a second factor was given',
    });
    const named = (items: Awaited<ReturnType<typeof ask>>) => items.map(({ statement: by }) => by.statement);
    expect(named(await ask({ principal: 'x', groups: ['ops'], action: 'read', path: 'team/x' }))).toEqual([
      'ops',
    ]);
    expect(await ask({ principal: 'x', groups: ['ops'], action: 'delete', path: 'team/x' })).toEqual([]);
    await expect(owner.ask(askAccess, { action: 'eat' })).rejects.toMatchObject({
      code: 'request.invalid',
      details: { errors: [{ pointer: '/action' }] },
    });
  });
});

describe('a replay', () => {
  it('lists what would flip of what agents reported', async () => {
    const people = await twoPeople();
    const { orgId } = people.owner;
    const policyId = await published(people, 'Replayed', statement());
    const agents = [newId('agt'), newId('agt')];
    const at = new Date(systemClock.now() - 3_600_000).toISOString();
    const rowOf = (secret: string, count: number) => ({
      ...{ secret, action: 'read', principal: 'app:a', groups: [], network: null, method: 'api-key' },
      ...{ secondFactor: false, client: null, outcome: 'allowed', policyVersion: 1, count },
    });
    for (const agentId of agents) {
      await stage.sql`insert into policy.desired (agent_id, org_id, version, hash, bytes, policies, since)
        values (${agentId}, ${orgId}, 1, ${'a'.repeat(64)}, 1,
          ${stage.sql.json([{ policyId, version: 1 }])}, now())`;
      await stage.store.append(`journal-${agentId}.1`, 'no-stream', [
        {
          ...{ id: newId('evt'), type: 'UsageReported', v: 1 },
          data: { minute: at, part: 1, rows: [rowOf('team/a', 2), rowOf('team/b', 5)] },
          metadata: { orgId, actor: agentId, at },
        },
      ]);
    }
    await waitFor(async () => {
      const rows = await stage.sql`select 1 from policy.request_classes where org_id = ${orgId}`;
      return rows.length === 4;
    });
    const content = contentOf(statement({ resources: ['team/a'] }));
    const { data } = await people.owner.ask(replayPolicy, { content, policyId, days: 7 });
    expect(data).toEqual({
      ...{ days: 7, classes: 4, requests: 14, unchanged: 4, undecidable: 0, more: 0 },
      flips: [
        {
          ...{ from: 'allowed', to: 'denied', principal: 'app:a', action: 'read', path: 'team/b' },
          ...{ agents: 2, requests: 10, by: null },
        },
      ],
    });
    const invalid = { text: 'statements: 1' };
    await expect(people.owner.ask(replayPolicy, { content: invalid })).rejects.toMatchObject({
      code: 'policy.invalid',
    });
  });
});

describe('questions about policies', () => {
  it('S9: are answered to members, about their own policies', async () => {
    const people = await twoPeople();
    const policyId = await published(people, 'Ours', statement());
    const content = contentOf(statement());
    const nobody = await stage.member(['agents:read'], people.owner.orgId);
    for (const [contract, data] of [
      [checkPolicy, { content }],
      [replayPolicy, { content }],
      [askAccess, {}],
    ] as const)
      await expect(nobody.ask(contract as never, data as never)).rejects.toMatchObject({
        code: 'auth.forbidden',
      });
    const stranger = await stage.member(ALL);
    await expect(stranger.ask(checkPolicy, { content, policyId })).rejects.toMatchObject({
      code: 'resource.not-found',
    });
    expect((await stranger.ask(askAccess, {})).data.items).toEqual([]);
    expect((await stranger.ask(checkPolicy, { content })).data.conflicts).toEqual([]);
    expect(stage.failures).toEqual([]);
  });
});
