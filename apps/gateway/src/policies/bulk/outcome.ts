import type { BulkPoliciesAnswer, BulkPolicyItem } from '@keyfleet/contracts/http';
import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';
import { isUnexpected } from '@keyfleet/platform';
import type { PolicyStanding } from '@keyfleet/policy/read-model';

/** What came, or would come, of one policy. */
export type Outcome = Pick<BulkPolicyItem, 'outcome' | 'code' | 'detail'>;

export const outcomeOf = (outcome: BulkPolicyItem['outcome']): Outcome => ({
  ...{ outcome, code: null, detail: null },
});

/** In the words one policy alone is refused with; of what nobody foresaw, nothing is told. */
export function refusalOf(error: unknown): Outcome {
  const told = isKeyfleetError(error) && !isUnexpected(error) ? error : new KeyfleetError('internal.error');
  const [first] = told.details.detail === undefined ? (told.details.errors ?? []) : [];
  return { outcome: 'refused', code: told.code, detail: first?.message ?? told.message };
}

export type Standings = ReadonlyMap<string, PolicyStanding>;

export function itemOf(
  id: string,
  { outcome, code, detail }: Outcome,
  standings: Standings,
  agents: number | null = null,
): BulkPolicyItem {
  return { id, name: standings.get(id)?.name ?? null, outcome, code, detail, agents };
}

export function answerOf(dryRun: boolean, items: BulkPolicyItem[]): BulkPoliciesAnswer {
  const count = (wanted: BulkPolicyItem['outcome']) =>
    items.filter(({ outcome }) => outcome === wanted).length;
  return {
    dryRun,
    ...{ done: count('done'), would: count('would'), unchanged: count('unchanged') },
    ...{ refused: count('refused'), items },
  };
}
