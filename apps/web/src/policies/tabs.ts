/** Where a policy's tab is. */
export const tabOf = (org: string, policyId: string, tab: string) =>
  `/orgs/${org}/policies/${policyId}?tab=${tab}`;
