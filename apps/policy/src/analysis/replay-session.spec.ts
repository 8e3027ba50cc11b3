import type { PolicyStatement } from '@keyfleet/contracts';
import type { PolicySource } from '@keyfleet/policy-engine';
import { ReplaySession } from './replay-session.js';
import type { RecordedClass } from './request-classes.js';

const allow = (resources: string[], condition?: string): PolicyStatement => ({
  ...{ id: 'allow', effect: 'allow', principals: ['app:*'], actions: ['read'], resources },
  ...(condition !== undefined && { condition }),
});
const source = (policyId: string, ...statements: PolicyStatement[]): PolicySource => ({
  ...{ policyId, version: 1, statements },
});
const row = (agentId: string, secret: string, more: Partial<RecordedClass> = {}): RecordedClass => ({
  ...{ agentId, secret, action: 'read', principal: 'app:a', groups: [], network: null, method: 'api-key' },
  ...{ secondFactor: false, client: null, minute: 0, allowed: 3, denied: 0, ...more },
});

function replayed(
  bundles: readonly (readonly PolicySource[])[],
  agents: Record<string, number>,
  draft: PolicySource,
  rows: readonly RecordedClass[],
) {
  const map = new Map(Object.entries(agents));
  const session = new ReplaySession({ kind: 'replay-start', bundles, agents: map, draft, days: 7 });
  session.add(rows);
  return session.end();
}

describe('a replay of a draft', () => {
  const other = source('pol_other', allow(['other/**']));
  const old = source('pol_1', allow(['team/**']));
  const draft = { ...source('pol_1', allow(['team/a', 'new/**'])), version: 2 };

  it('takes the place of its policy, at agents that have it only', () => {
    const rows = ['agt_1', 'agt_2', 'agt_3'].flatMap((agentId) =>
      ['team/a', 'team/b', 'new/c', 'other/d'].map((secret) => row(agentId, secret)),
    );
    const found = replayed([[old, other], [other]], { agt_1: 0, agt_2: 0, agt_3: 1 }, draft, rows);
    const common = { principal: 'app:a', action: 'read', agents: 2, requests: 6 };
    expect(found).toEqual({
      ...{ days: 7, classes: 12, requests: 36, unchanged: 24, undecidable: 0, more: 0 },
      flips: [
        { ...common, from: 'allowed', to: 'denied', path: 'team/b', by: null },
        {
          ...{ ...common, from: 'denied', to: 'allowed', path: 'new/c' },
          by: { policyId: 'pol_1', version: 2, statement: 'allow' },
        },
      ],
    });
  });

  it('comes to everybody where nobody has its policy, and takes from those who had none', () => {
    const rows = [
      row('agt_1', 'team/a'),
      row('agt_1', 'team/b'),
      row('agt_2', 'other/d', { denied: 5 }),
      // Refused by what keys are granted: no policy gives it.
      row('agt_2', 'team/a', { allowed: 0, denied: 4 }),
    ];
    const found = replayed([[other]], { agt_1: 0 }, draft, rows);
    expect(found).toMatchObject({ classes: 4, requests: 18, unchanged: 12 });
    expect(found.flips.map(({ from, to, path, requests }) => [from, to, path, requests])).toEqual([
      ['denied', 'allowed', 'team/a', 3],
      ['allowed', 'denied', 'other/d', 3],
    ]);
  });

  it('says what its records cannot tell, and counts it apart', () => {
    const hung = { ...draft, statements: [allow(['team/**'], 'tags.env == "prod"')] };
    const found = replayed([[old]], { agt_1: 0 }, hung, [row('agt_1', 'team/a'), row('agt_1', 'x')]);
    expect(found).toMatchObject({ requests: 6, unchanged: 3, undecidable: 3 });
    expect(found.flips).toMatchObject([{ from: 'allowed', to: 'undecidable', path: 'team/a' }]);
    const backwards = replayed([[hung]], { agt_1: 0 }, draft, [row('agt_1', 'team/a')]);
    expect(backwards).toMatchObject({ requests: 3, unchanged: 0, undecidable: 3, flips: [] });
  });

  it('shows the largest of many, and counts the rest', () => {
    const rows = Array.from({ length: 250 }, (_, n) => row('agt_1', `team/x${n}`, { allowed: n + 1 }));
    const found = replayed([[old]], { agt_1: 0 }, draft, rows);
    expect([found.flips.length, found.more]).toEqual([200, 50]);
    expect(found.flips[0]).toMatchObject({ path: 'team/x249', requests: 250 });
  });
});
