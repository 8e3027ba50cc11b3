export type { AgentSort } from './agents/fields.js';
export { agentsProjection } from './agents/projection.js';
export {
  type AgentList,
  type AgentScope,
  countAgentsByState,
  getAgent,
  getAgents,
  listAgents,
} from './agents/queries.js';
export type { AgentsTable, AgentTables } from './agents/tables.js';
export { enrolmentTokensProjection } from './enrolment-tokens/projection.js';
export { type EnrolmentTokenList, listEnrolmentTokens } from './enrolment-tokens/queries.js';
export { type GroupList, groupsProjection, listGroups } from './groups/groups.js';
export { livenessMigrations } from './last-seen/migrations.js';
export type { DetectionNowTable, LastSeenTable, LastSeenTables } from './last-seen/tables.js';
export { watchedAgents } from './last-seen/watched-agents.js';
export { registryMigrations } from './migrations.js';
