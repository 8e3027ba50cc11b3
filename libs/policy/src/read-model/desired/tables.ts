import type { PolicyManifest } from '@keyfleet/contracts';
import type { PolicyRejected } from '@keyfleet/contracts/events';
import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import type { z } from 'zod';

/** A version of a policy as it stands in a bundle. */
export interface PolicyRef {
  readonly policyId: string;
  readonly version: number;
}

/** What an agent should decide by; no rebuild touches it, and losing it loses nothing but the numbers. */
export interface DesiredTable {
  agent_id: string;
  org_id: string;
  /** Of the manifest; only rises. */
  version: bigint;
  /** Of the bundle. */
  hash: string;
  /** Of the bundle. */
  bytes: number;
  policies: readonly PolicyRef[];
  /** RFC 3339: since when it is this one. */
  since: string;
  /** `null` until the authority signed it. */
  manifest: PolicyManifest | null;
  /** The highest version the agent said it decides by when it asked. */
  reported: bigint;
}

export interface BundlesTable {
  org_id: string;
  hash: string;
  policies: readonly PolicyRef[];
  /** Canonical JSON; `null` once no agent is to have it. */
  bytes: Uint8Array | null;
  made_at: string;
}

/** What an agent's journal says of policies: the last bundle applied, the last refused, and its requests since. */
export interface AgentReportsTable {
  agent_id: string;
  org_id: string;
  applied_version: bigint | null;
  applied_hash: string | null;
  applied_at: string | null;
  rejected_version: bigint | null;
  rejected_hash: string | null;
  rejected_code: z.infer<typeof PolicyRejected.data>['code'] | null;
  rejected_at: string | null;
  /** Until when somebody at the machine set its policy aside. */
  bypassed_until: string | null;
  /** Requests answered under this version of its manifest, and how many of them were denied. */
  traffic_version: bigint;
  requests: bigint;
  denied: bigint;
  /** The newest entry of its journal that is counted here. */
  epoch: number;
  seq: bigint;
}

/** Every bundle an agent ever applied, so that who had a version can be told after it was taken back. */
export interface AgentAppliedTable {
  org_id: string;
  agent_id: string;
  version: bigint;
  hash: string;
  applied_at: string;
}

export interface CertificatesTable {
  org_id: string;
  id: string;
  policy_id: string;
  version: number;
  at: string;
  text: string;
  key: string;
  signature: string;
  converged: number;
  divergent: number;
  agents: ConvergenceCertificate['agents'];
}

export interface DesiredTables {
  'policy.desired': DesiredTable;
  'policy.bundles': BundlesTable;
  'policy.agent_reports': AgentReportsTable;
  'policy.agent_applied': AgentAppliedTable;
  'policy.certificates': CertificatesTable;
}

export const AGENT_REPORTS = 'policy.agent_reports';
export const AGENT_APPLIED = 'policy.agent_applied';
