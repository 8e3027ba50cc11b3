import type { PolicyStatement } from '@keyfleet/contracts';
import { PolicySet } from '../decision/policy-set.js';
import { whoCan } from './queries.js';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const statement = (id: string, given: Partial<PolicyStatement>): PolicyStatement => ({
  ...{ id, effect: 'allow', principals: ['app:*'], actions: ['read'], resources: ['team/**'] },
  ...given,
});
const set = new PolicySet([
  {
    ...{ policyId: 'pol_1', version: 2 },
    statements: [
      statement('apps', {}),
      statement('oncall', { principals: ['@oncall'], actions: ['*'], condition: 'secondFactor' }),
      statement('nights', { principals: ['ci:*'], condition: 'time.getHours("UTC") < 6' }),
      statement('never-prod', {
        effect: 'deny',
        principals: ['*'],
        actions: ['*'],
        resources: ['team/prod/**'],
      }),
    ],
  },
]);
const ways = (question: Parameters<typeof whoCan>[1]) =>
  whoCan(set, question, NOW).map(({ by, example }) => `${by.statement} ${example?.principal}`);

describe('who can do what on which, when', () => {
  it.each([
    [
      'read one secret',
      { action: 'read' as const, path: 'team/a' },
      ['apps app:', 'oncall someone', 'nights ci:'],
    ],
    ['delete it', { action: 'delete' as const, path: 'team/a' }, ['oncall someone']],
    ['read what is denied to everybody', { path: 'team/prod/db' }, []],
    ['what one may', { principal: 'ci:deploy' }, ['oncall ci:deploy', 'nights ci:deploy']],
    ['what one may at noon', { principal: 'ci:deploy', at: NOW }, ['oncall ci:deploy']],
    ['what nobody was given', { path: 'elsewhere/x' }, []],
  ])('%s', (_, question, expected) => {
    expect(ways(question)).toEqual(expected);
  });

  it('shows each way with a request that the engine allows', () => {
    for (const { example } of whoCan(set, {}, NOW)) {
      expect(example && set.decide(example).verdict).toBe('allowed');
    }
  });
});
