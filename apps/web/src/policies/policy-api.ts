import type { PolicyTarget, RolloutPlan } from '@keyfleet/contracts';
import type {
  AgentPolicyView,
  ConvergenceCertificate,
  GroupView,
  PolicyCheck,
  PolicySummary,
  PolicyVersionView,
  PolicyView,
} from '@keyfleet/contracts/http';
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { policiesKey, questionsKey } from '../api/notices';
import { rest } from '../api/rest';

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export interface PolicyTemplate {
  readonly id: string;
  readonly name: string;
  readonly summary: string;
  readonly document: NonNullable<PolicyCheck['document']>;
}

export type Draft = NonNullable<PolicyView['draft']>;
export type Conflict = PolicyCheck['conflicts'][number];
export type StatementRef = Conflict['statement'];

function pageOf<Item>(path: string, cursor: string | null, query: Readonly<Record<string, string>>) {
  const search = new URLSearchParams({ limit: '50', ...query, ...(cursor ? { cursor } : {}) });
  return rest<Page<Item>>('GET', `${path}?${search}`);
}

const paged = {
  initialPageParam: null as string | null,
  getNextPageParam: <Item>(last: Page<Item>) => last.nextCursor,
};

export const policiesQuery = (org: string, filter: string) =>
  infiniteQueryOptions({
    ...paged,
    queryKey: [...policiesKey(org), 'list', filter],
    queryFn: ({ pageParam }) =>
      pageOf<PolicySummary>(`/orgs/${org}/policies`, pageParam, filter ? { filter } : {}),
  });

export const policyQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: [...policiesKey(org), 'one', id],
    queryFn: () => rest<PolicyView>('GET', `/orgs/${org}/policies/${id}`),
  });

export const versionsQuery = (org: string, id: string) =>
  infiniteQueryOptions({
    ...paged,
    queryKey: [...policiesKey(org), 'versions', id],
    queryFn: ({ pageParam }) =>
      pageOf<PolicyVersionView>(`/orgs/${org}/policies/${id}/versions`, pageParam, { limit: '20' }),
  });

export const versionQuery = (org: string, id: string, version: number) =>
  queryOptions({
    queryKey: ['policy-version', org, id, version],
    queryFn: () => rest<PolicyVersionView>('GET', `/orgs/${org}/policies/${id}/versions/${version}`),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What agents decide by: the newest version, or the one before where its rollout was halted. */
export function inForce({ version, rolloutDetail }: PolicyView): number | null {
  return rolloutDetail?.state === 'halted' && rolloutDetail.version === version
    ? rolloutDetail.from
    : version;
}

export const templatesQuery = (org: string) =>
  queryOptions({
    queryKey: ['policy-templates', org],
    queryFn: () => rest<{ items: readonly PolicyTemplate[] }>('GET', `/orgs/${org}/policies/templates`),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const groupsQuery = (org: string) =>
  queryOptions({
    queryKey: ['groups', org],
    queryFn: () => pageOf<GroupView>(`/orgs/${org}/groups`, null, { limit: '200' }),
  });

export const certificateQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: ['certificate', org, id],
    queryFn: () => rest<ConvergenceCertificate>('GET', `/orgs/${org}/policies/certificates/${id}`),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Problems, conflicts and readings of a text; while another is being checked the last answer stays. */
export const checkQuery = (org: string, text: string, policyId?: string) =>
  queryOptions({
    queryKey: ['policy-check', org, policyId ?? '', text],
    queryFn: () =>
      rest<PolicyCheck>('POST', `/orgs/${org}/policies/check`, {
        content: { text },
        ...(policyId === undefined ? {} : { policyId }),
      }),
    enabled: text.trim() !== '',
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

/** To everybody at once, and back at the first agent that refuses it. */
export const AT_ONCE: RolloutPlan = {
  waves: [100],
  soakSeconds: 0,
  haltOn: { rejected: 1, deniedPercent: null },
};
/** One in a hundred, a tenth, all; ten minutes each. */
export const CAREFULLY: RolloutPlan = {
  waves: [1, 10, 100],
  soakSeconds: 600,
  haltOn: { rejected: 1, deniedPercent: 20 },
};

/** A target in words; names are those the reader knows. */
export function targetText(target: PolicyTarget, names: ReadonlyMap<string, string>): string {
  switch (target.kind) {
    case 'organisation':
      return 'Every agent of the organisation';
    case 'group':
      return `Group ${names.get(target.groupId) ?? target.groupId}`;
    case 'selector':
      return `Agents with ${target.selector}`;
    case 'agent':
      return `Agent ${names.get(target.agentId) ?? target.agentId}`;
  }
}

export const short = (id: string) => (id.length > 16 ? `${id.slice(0, 4)}…${id.slice(-6)}` : id);

export interface AgentPolicyFilter {
  readonly filter?: string | undefined;
  /** Those that are meant to have this policy. */
  readonly policy?: string | undefined;
}

export const agentPoliciesQuery = (
  org: string,
  { filter = '', policy = '' }: AgentPolicyFilter,
  limit = 50,
) =>
  infiniteQueryOptions({
    ...paged,
    queryKey: [...policiesKey(org), 'agents', filter, policy, limit],
    queryFn: ({ pageParam }) =>
      pageOf<AgentPolicyView>(`/orgs/${org}/policies/agents`, pageParam, {
        limit: String(limit),
        ...(filter ? { filter } : {}),
        ...(policy ? { policy } : {}),
      }),
    placeholderData: keepPreviousData,
  });

/** Of what is dear to answer: stays until it is asked again or, once it is outdated, shown anew. */
export const onDemand = {
  staleTime: Number.POSITIVE_INFINITY,
  refetchOnWindowFocus: false,
  refetchOnReconnect: false,
} as const;

export interface AccessQuestion {
  readonly principal?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly action?: string | undefined;
  readonly path?: string | undefined;
}
export interface AccessAnswer {
  readonly items: readonly {
    readonly statement: StatementRef;
    readonly principals: readonly string[];
    readonly actions: readonly string[];
    readonly resources: readonly string[];
    readonly when: string | null;
  }[];
  /** Beyond those shown. */
  readonly more: number;
}

export const whoCanQuery = (org: string, question: AccessQuestion) =>
  queryOptions({
    ...onDemand,
    queryKey: [...questionsKey(org), 'who-can', JSON.stringify(question)],
    queryFn: () => rest<AccessAnswer>('POST', `/orgs/${org}/policies/who-can`, question),
  });
