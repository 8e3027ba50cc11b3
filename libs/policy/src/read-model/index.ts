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
export { assignmentIdOf } from './policies/assignment-id.js';
export { foresee, isSo, type PolicyChange } from './policies/foresee.js';
export { policiesProjection } from './policies/projection.js';
export {
  getPolicy,
  getPolicyVersion,
  listPolicies,
  listPolicyVersions,
  type PolicyList,
  type PolicyScope,
} from './policies/queries.js';
export { getPolicyStandings, type PolicyStanding } from './policies/standing.js';
export { requestClassesProjection } from './request-classes/projection.js';
export {
  type RecordedRequests,
  type RecordedRequestsOptions,
  recordedRequests,
} from './request-classes/queries.js';
