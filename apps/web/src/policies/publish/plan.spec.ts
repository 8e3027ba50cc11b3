import * as contract from '@keyfleet/contracts';
import { rolloutPlan } from '@keyfleet/contracts';
import fc from 'fast-check';
import { AT_ONCE, CAREFULLY } from '../policy-api';
import { fieldsOf, planOf } from './plan';

describe('a plan of waves', () => {
  it('begins with the two of the contract, and is typed back unchanged', () => {
    expect([AT_ONCE, CAREFULLY]).toEqual([contract.AT_ONCE, contract.CAREFULLY]);
    for (const plan of [AT_ONCE, CAREFULLY]) expect(planOf(fieldsOf(plan))).toEqual({ plan });
  });

  it('is taken exactly where the contract takes its waves', () => {
    const share = fc.oneof(fc.constantFrom(0, 1, 10, 50, 100, 101), fc.integer({ min: -5, max: 120 }));
    fc.assert(
      fc.property(fc.array(share, { maxLength: 12 }), (waves) => {
        const read = planOf({ ...fieldsOf(CAREFULLY), waves: waves.join(', ') });
        const taken = rolloutPlan.safeParse({ ...CAREFULLY, waves }).success;
        expect('plan' in read).toBe(taken);
        if ('plan' in read) expect(rolloutPlan.parse(read.plan).waves).toEqual(waves);
      }),
    );
  });

  it('never halts on denials where no share is named', () => {
    expect(planOf({ waves: '100%', soakMinutes: 0, rejected: 2, deniedPercent: '' })).toEqual({
      plan: { waves: [100], soakSeconds: 0, haltOn: { rejected: 2, deniedPercent: null } },
    });
  });
});
