export type { Agent, AgentEvent, AgentJournal, KnownAgent } from './agent/agent.js';
export { agentStream, FIRST_PREV } from './agent/agent.js';
export type * from './agent/commands.js';
export { agent } from './agent/decide.js';
export type {
  EnrolmentTokenCommand,
  IssueEnrolmentToken,
  RevokeEnrolmentToken,
  UseEnrolmentToken,
} from './enrolment-token/decide.js';
export { enrolmentToken } from './enrolment-token/decide.js';
export type { EnrolmentToken, EnrolmentTokenEvent } from './enrolment-token/enrolment-token.js';
export { enrolmentTokenStream, wasUsedBy } from './enrolment-token/enrolment-token.js';
export type { DefineGroup, GroupCommand, RemoveGroup } from './group/decide.js';
export { group } from './group/decide.js';
export type { Group, GroupEvent } from './group/group.js';
export { groupStream } from './group/group.js';
