export { policyMigrations } from './migrations.js';
export { policiesProjection } from './policies/projection.js';
export {
  getPolicy,
  getPolicyVersion,
  listPolicies,
  listPolicyVersions,
  type PolicyList,
  type PolicyScope,
} from './policies/queries.js';
