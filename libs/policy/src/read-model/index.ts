export { agentReportsProjection } from './desired/agent-reports.js';
export { policyDistributionMigrations } from './desired/migrations.js';
export type {
  AgentAppliedTable,
  AgentReportsTable,
  BundlesTable,
  CertificatesTable,
  DesiredTable,
  DesiredTables,
  PolicyRef,
} from './desired/tables.js';
export { policyMigrations } from './migrations.js';
export { policyNamesMigrations } from './names/tables.js';
export { policiesProjection } from './policies/projection.js';
export {
  getPolicy,
  getPolicyVersion,
  listPolicies,
  listPolicyVersions,
  type PolicyList,
  type PolicyScope,
} from './policies/queries.js';
export { requestClassesProjection } from './request-classes/projection.js';
export {
  type RecordedRequests,
  type RecordedRequestsOptions,
  recordedRequests,
} from './request-classes/queries.js';
