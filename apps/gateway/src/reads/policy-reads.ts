import type { PolicyTarget } from '@keyfleet/contracts';
import type {
  AgentPolicyView,
  ConvergenceCertificate,
  PolicySummary,
  PolicyTargetPreview,
  PolicyVersionView,
  PolicyView,
} from '@keyfleet/contracts/http';
import type { PolicyStanding } from '@keyfleet/policy/read-model';
import type { ListArgs, Page } from './fleet-reads.js';

export interface AgentPolicyArgs extends ListArgs {
  /** Only agents that should decide by this policy. */
  readonly policy?: string | undefined;
}

/** How many agents should decide by one version of a policy. */
export interface PolicyHolders {
  readonly policyId: string;
  readonly version: number;
  readonly agents: number;
}

/** Every question about policies the gateway answers from read models; each is scoped to one organisation. */
export interface PolicyReads {
  policies(orgId: string, args: ListArgs): Promise<Page<PolicySummary>>;
  policy(
    orgId: string,
    policyId: string,
  ): Promise<{ readonly view: PolicyView; readonly revision: string } | null>;
  versions(orgId: string, policyId: string, args: Omit<ListArgs, 'filter'>): Promise<Page<PolicyVersionView>>;
  version(orgId: string, policyId: string, version: number): Promise<PolicyVersionView | null>;
  /** What agents should decide by and what they do, by name. */
  agentPolicies(orgId: string, args: AgentPolicyArgs): Promise<Page<AgentPolicyView>>;
  /** Null where the organisation has no such group. */
  targetPreview(orgId: string, target: PolicyTarget): Promise<PolicyTargetPreview | null>;
  /** Those of these that the organisation has. */
  standings(orgId: string, policyIds: readonly string[]): Promise<readonly PolicyStanding[]>;
  holders(orgId: string, policyIds: readonly string[]): Promise<readonly PolicyHolders[]>;
  certificate(orgId: string, certificateId: string): Promise<ConvergenceCertificate | null>;
}

export const POLICY_READS = Symbol('PolicyReads');
