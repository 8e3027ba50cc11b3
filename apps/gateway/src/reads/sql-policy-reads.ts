import type { ConvergenceCertificate } from '@keyfleet/contracts/http';
import {
  type DesiredTables,
  getPolicy,
  getPolicyStandings,
  getPolicyVersion,
  listPolicies,
  listPolicyVersions,
} from '@keyfleet/policy/read-model';
import { scopedStatement } from '@keyfleet/read-store';
import { listAgentPolicies } from './agent-policies.js';
import { policyHolders } from './policy-holders.js';
import type { PolicyReads } from './policy-reads.js';
import { previewTarget } from './policy-targets.js';
import type { SqlReadsOptions } from './sql-reads.js';

/** The read models as their owners give them out, each query scoped to one organisation in its own statement. */
export function sqlPolicyReads({ sql, cursors }: Omit<SqlReadsOptions, 'now'>): PolicyReads {
  const within = (orgId: string) => ({ sql, cursors, orgId });
  return {
    policies: (orgId, args) => listPolicies({ ...within(orgId), ...args }),
    policy: (orgId, policyId) => getPolicy({ sql, orgId }, policyId),
    versions: (orgId, policyId, args) => listPolicyVersions({ ...within(orgId), ...args, policyId }),
    version: (orgId, policyId, version) => getPolicyVersion({ sql, orgId }, policyId, version),
    agentPolicies: (orgId, args) => listAgentPolicies({ ...within(orgId), ...args }),
    targetPreview: (orgId, target) => previewTarget({ sql, orgId }, target),
    standings: (orgId, policyIds) => getPolicyStandings({ sql, orgId }, policyIds),
    holders: (orgId, policyIds) => policyHolders({ sql, orgId }, policyIds),
    certificate: async (orgId, certificateId) => {
      const [row] = await certificateById(sql, orgId, certificateId);
      return row ? toCertificate(row) : null;
    },
  };
}

type CertificateRow = Omit<DesiredTables['policy.certificates'], 'org_id'>;

const certificateById = scopedStatement<DesiredTables, CertificateRow, [id: string]>((db, org, id) =>
  db
    .selectFrom('policy.certificates as c')
    .select(['c.id', 'c.policy_id', 'c.version', 'c.at', 'c.text', 'c.key', 'c.signature'])
    .select(['c.converged', 'c.divergent', 'c.agents'])
    .where('c.org_id', '=', org)
    .where('c.id', '=', id),
);

function toCertificate({ policy_id: policyId, ...row }: CertificateRow): ConvergenceCertificate {
  return { ...row, policyId };
}
