import { type BulkPolicyItem, bulkPoliciesRequest } from '@keyfleet/contracts/http';
import { newId } from '@keyfleet/platform';
import {
  BULK_MOST,
  type BulkAction,
  requestOf,
  sayItem,
  summaryText,
  takesTarget,
  WORDS,
  withOutcomes,
  wouldChange,
} from './bulk';

const ACTIONS = Object.keys(WORDS) as BulkAction[];
const everybody = { kind: 'organisation' } as const;
const item = (
  id: string,
  outcome: BulkPolicyItem['outcome'],
  detail: string | null = null,
): BulkPolicyItem => ({
  ...{
    id,
    name: id,
    outcome,
    code: detail && 'resource.conflict',
    detail,
    agents: outcome === 'would' ? 3 : null,
  },
});

describe('what is asked of many policies', () => {
  it('is what the contract takes, for each action, up to as many as it takes', () => {
    const ids = Array.from({ length: BULK_MOST }, () => newId('pol'));
    for (const action of ACTIONS) {
      expect([action, bulkPoliciesRequest.safeParse(requestOf(action, ids, everybody)).error]).toEqual([
        action,
        undefined,
      ]);
      const more = requestOf(action, [...ids, newId('pol')], everybody);
      expect([action, bulkPoliciesRequest.safeParse(more).success]).toEqual([action, false]);
    }
  });

  it('waits for a target where it needs one', () => {
    for (const action of ACTIONS)
      expect([action, requestOf(action, ['pol_1'], null) === null]).toEqual([action, takesTarget(action)]);
  });

  it('is asked only for what was foreseen to change; the rest keeps what was said of it', () => {
    const foreseen = [
      item('a', 'would'),
      item('b', 'refused', 'The rollout is completed.'),
      item('c', 'would'),
    ];
    expect(wouldChange(foreseen)).toEqual(['a', 'c']);
    const come = withOutcomes(foreseen, [
      item('c', 'refused', 'This policy was retired.'),
      item('a', 'done'),
    ]);
    expect(come.map(({ agents }) => agents)).toEqual([3, null, 3]);
    expect([foreseen, come].map(summaryText)).toEqual(['2 will change, 1 refused', '1 done, 2 refused']);
    expect(come.map((one) => sayItem('halt', one))).toEqual([
      ...['Halted', 'The rollout is completed.', 'This policy was retired.'],
    ]);
  });
});
