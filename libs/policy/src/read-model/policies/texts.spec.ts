import { policyStatement } from '@keyfleet/contracts';
import { defineGroupRequest, draftPolicyRequest, policyView, reviewRequest } from '@keyfleet/contracts/http';
import { deriveId } from '@keyfleet/platform';
import fc from 'fast-check';
import { type ReadModelWorld, readModelWorld } from '../testing/world.js';
import { policiesProjection } from './projection.js';
import { getPolicy, getPolicyVersion } from './queries.js';

const ORG = deriveId('org', 'a');
const policyId = deriveId('pol', 'a');
const hash = 'ab'.repeat(32);
let world: ReadModelWorld;

beforeAll(async () => {
  world = await readModelWorld(policiesProjection);
}, 60_000);
beforeEach(() => world.empty());
afterAll(() => world.close());

interface Texts {
  readonly name: string;
  readonly comment: string;
  readonly condition: string;
  readonly selector: string;
}

/** Drafted, reviewed, published and assigned with these texts. */
async function written({ name, comment, condition, selector }: Texts): Promise<void> {
  await world.empty();
  const statement = { id: 'one', effect: 'allow', principals: ['*'], actions: ['read'], resources: ['**'] };
  const document = { statements: [{ ...statement, condition }] };
  const fact = (type: string, data: object) => [`policy-${policyId}`, type, { policyId, ...data }] as const;
  await world.happen(ORG, [
    fact('PolicyDrafted', { name, draft: 1, document, hash, basedOn: null }),
    fact('PolicyPublished', { version: 1, hash, document, draft: 1, restores: null }),
    fact('PolicyDrafted', { name, draft: 2, document, hash, basedOn: 1 }),
    fact('PolicyReviewRequested', { draft: 2, hash, comment }),
    fact('PolicyAssigned', { assignmentId: 'some', target: { kind: 'selector', selector } }),
  ]);
}

/** What the policy's page has. */
async function shown() {
  const scope = { sql: world.as('kf_reader'), orgId: ORG };
  const found = await getPolicy(scope, policyId);
  const version = await getPolicyVersion(scope, policyId, 1);
  return { ...found?.view, firstVersion: version?.document };
}

function pageOf({ name, comment, condition, selector }: Texts) {
  const document = { statements: [expect.objectContaining({ condition })] };
  return {
    ...{ name, state: 'published', version: 1, published: { document }, firstVersion: document },
    draft: { document, review: { comment } },
    assignmentList: [{ target: { kind: 'selector', selector } }],
  };
}

const anything = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
      fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      fc.constantFrom('\0', '\n', '\t', '\\', '\\u0000', '"', '\u001e', '\ud83d', '\ude00'),
    ),
    { minLength: 1, maxLength: 10 },
  )
  .map((units) => units.join(''));
const taken = (schema: { safeParse(text: unknown): { success: boolean; data?: unknown } }) =>
  anything
    .map((text) => schema.safeParse(text))
    .filter(({ success }) => success)
    .map(({ data }) => data as string);

describe('texts of a policy', () => {
  it('repro-half-emoji: whatever the API takes is stored and shown as it is', async () => {
    const texts = fc.record({
      name: taken(draftPolicyRequest.shape.name),
      comment: taken(reviewRequest.shape.comment),
      condition: taken(policyStatement.shape.condition),
      selector: taken(defineGroupRequest.shape.selector),
    });
    await fc.assert(
      fc.asyncProperty(texts, async (given) => {
        await written(given);
        expect(await shown()).toMatchObject(pageOf(given));
      }),
      { numRuns: 100 },
    );
  });

  it('repro-half-emoji: what was stored before texts were looked at is shown, with U+FFFD for what is none', async () => {
    const of = (text: string) => ({ name: text, comment: text, condition: text, selector: text });
    await written(of('a\0b \ud83d\ude00 \ud83d'));
    const page = await shown();
    expect(page).toMatchObject(pageOf(of('a\ufffdb \ud83d\ude00 \ufffd')));
    expect(policyView.safeParse(page).success).toBe(true);
  });
});
