import type { BulkPoliciesAnswer, BulkPoliciesRequest, BulkPolicyItem } from '@keyfleet/contracts/http';
import { useQuery } from '@tanstack/react-query';
import { questionsKey } from '../../api/notices';
import { rest } from '../../api/rest';
import type { OnDemand } from '../../lists/outdated';
import { useSettled } from '../../time/settled';
import { onDemand } from '../policy-api';

interface DryRun {
  readonly error: Error | null;
  /** Of exactly what is asked now; undefined until it is known. */
  readonly foreseen: readonly BulkPolicyItem[] | undefined;
  readonly query: OnDemand;
}

/** What would come of a request, as somebody changes it; once it is `over`, what was foreseen last stays. */
export function useDryRun(org: string, request: BulkPoliciesRequest | null, over: boolean): DryRun {
  const now = request ? JSON.stringify(request) : '';
  const wanted = useSettled(now, 350);
  const query = useQuery({
    ...onDemand,
    queryKey: [...questionsKey(org), 'bulk', wanted],
    queryFn: () =>
      rest<BulkPoliciesAnswer>('POST', `/orgs/${org}/policies/bulk?dryRun=true`, JSON.parse(wanted)),
    enabled: wanted !== '' && !over,
    gcTime: 0,
  });
  if (wanted !== now) return { error: null, foreseen: undefined, query };
  return { error: query.error, foreseen: query.isError ? undefined : query.data?.items, query };
}
