export {
  type AgentAnswer,
  type AgentListenerOptions,
  type AgentMessage,
  listenToAgents,
} from './agent-listener.js';
export { type AgentCredential, readAgentJwt } from './broker/agent-credential.js';
export {
  type AccountKeys,
  AGENT_MAX_PAYLOAD,
  AGENT_PERMISSIONS,
  accountClaims,
  accountKeysOf,
  operatorClaims,
  type ReadAccountClaims,
  type Revocations,
  readAccountClaims,
  sameClaims,
  systemAccountClaims,
} from './broker/claims.js';
export {
  type BrokerSeeds,
  generateBrokerSeeds,
  generateUserSeed,
  keyPairOf,
  publicKeyOf,
} from './broker/keys.js';
export { type NatsServerConfig, natsServerConfig } from './broker/server-config.js';
export {
  callersOf,
  SERVICE_SUBJECTS,
  SERVICES,
  type Service,
  type SubjectPermissions,
  servicePermissions,
} from './broker/services.js';
export {
  type AgentSigner,
  type AgentUser,
  AUTHORITY_INBOX,
  agentUserJwt,
  serviceCredentials,
  systemCredentials,
} from './broker/users.js';
export { assertBrokerVersion, isSafeBrokerVersion } from './broker/version.js';
export { type CommandAnswer, type CommandClient, createCommandClient } from './command-client.js';
export {
  type CommandResponder,
  type HandleCommandOptions,
  type HandledCommand,
  handleCommand,
  pointersOf,
} from './command-handler.js';
export {
  type BrokerIdentity,
  type BrokerOptions,
  brokerVersion,
  connectNats,
  type IdentityFiles,
  identityFromFiles,
  natsConnectionOptions,
  parseCredentials,
  type ShownBroker,
} from './connection.js';
export {
  type Admission,
  type AgentCaller,
  admit,
  type Drop,
  type DropReason,
  type OnDropped,
} from './guard.js';
export { AgentContext, GuardedNatsServer, type GuardedServerOptions } from './guarded-server.js';
export {
  checkRedis,
  createProducerConnection,
  createWorkerConnection,
  JOB_DEFAULTS,
  type RedisMemory,
  WORKER_DEFAULTS,
} from './redis.js';
export { traceHeaders } from './trace-headers.js';
