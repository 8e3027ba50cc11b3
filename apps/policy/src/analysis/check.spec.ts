import type { PolicyStatement } from '@keyfleet/contracts';
import { check } from './check.js';

const statements = (effect: PolicyStatement['effect'], count: number): PolicyStatement[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{
      id: `${effect}-${n}`,
      effect,
      principals: [`own:${effect}-${String.fromCharCode(97 + n)}`, 'app:all'],
      actions: ['read'],
    },
    resources: ['team/**'],
  }));
const checked = (count: number) =>
  check({
    content: { document: { statements: [...statements('allow', count), ...statements('deny', count)] } },
    ...{ kind: 'check', policyId: 'pol_1', version: 1, others: [], now: 0 },
  });

describe('a check of a policy', () => {
  it('repro-cut-off: says how many conflicts it does not show', () => {
    const counts = [3, 15].map((count) => {
      const { conflicts, more } = checked(count);
      return [conflicts.length, more];
    });
    expect(counts).toEqual([
      [9, 0],
      [200, 25],
    ]);
  });
});
