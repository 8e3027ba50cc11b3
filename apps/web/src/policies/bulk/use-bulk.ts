import type { BulkPoliciesAnswer } from '@keyfleet/contracts/http';
import { useState } from 'react';
import { EVERYBODY, targetOf } from '../assignments/target-choice';
import { usePolicyWrite } from '../policy-write';
import { type BulkAction, requestOf, withOutcomes, wouldChange } from './bulk';
import { useDryRun } from './use-dry-run';

/** What is asked of many policies: for whom, what would come of it, and what came. */
export function useBulk(org: string, action: BulkAction, policies: readonly string[]) {
  const [fields, setFields] = useState(EVERYBODY);
  const target = targetOf(fields);
  const act = usePolicyWrite<readonly string[], BulkPoliciesAnswer>(org, (ids) => [
    'POST',
    '/bulk',
    requestOf(action, ids, target),
  ]);
  const over = act.isPending || act.isSuccess;
  const { error, foreseen, query } = useDryRun(org, requestOf(action, policies, target), over);
  return {
    ...{ fields, setFields, act, over, error, query },
    /** Undefined until it is known. */
    items: foreseen && withOutcomes(foreseen, act.data?.items ?? []),
    would: wouldChange(foreseen ?? []),
    waiting: target !== null && error === null,
  };
}
