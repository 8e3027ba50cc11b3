import type { PolicyStatement } from '@keyfleet/contracts';
import { accessAnswer } from '@keyfleet/contracts/http';
import { answerWhoCan } from './who-can.js';

const statement = (n: number, changed: Partial<PolicyStatement> = {}): PolicyStatement => ({
  ...{ id: `s${n}`, effect: 'allow', principals: ['app:a'], actions: ['read'], resources: [`team/x${n}`] },
  ...changed,
});
const asked = (statements: readonly PolicyStatement[]) =>
  answerWhoCan({
    ...{ kind: 'who-can', question: {}, now: 0 },
    policies: [{ policyId: 'pol_1', version: 1, statements }],
  });
const many = (count: number, changed?: Partial<PolicyStatement>) =>
  Array.from({ length: count }, (_, n) => statement(n, changed));

describe('who can do what', () => {
  it('is all there is, where that is no more than a person looks through', () => {
    expect(asked(many(3))).toMatchObject({ items: [{}, {}, {}], more: 0 });
  });

  it('repro-cut-off: shows the first of many, and counts the rest', () => {
    const { items, more } = asked(many(600));
    expect([items.length, more]).toEqual([500, 100]);
    expect(accessAnswer.parse({ items: [] }).more).toBe(0);
  });

  it('repro-cut-off: shows as many as an answer holds, however large each is', () => {
    const resources = Array.from({ length: 100 }, (_, n) => `${'x'.repeat(60)}/`.repeat(3) + `y${n}`);
    const answer = asked(many(60, { resources }));
    expect(answer.items.length + (answer.more ?? 0)).toBe(60);
    expect(answer.items.length).toBeGreaterThan(10);
    expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThan(450 * 1024);
  });
});
