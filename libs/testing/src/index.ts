export { DATABASE_ROLES, type DatabaseRole } from '@keyfleet/embedded';
export { openBrowser } from './browser.js';
export { codeBlocks } from './code-blocks.js';
export { type DeciderOutcome, deciderSpec } from './decider.js';
export { type Conditions, type FaultProxy, startFaultProxy } from './faults/proxy.js';
export { testNats, testRedis } from './servers/brokers.js';
export {
  createTestDatabase,
  type TestDatabase,
  type TestDatabaseOptions,
  type TestPostgres,
  testPostgres,
} from './servers/postgres.js';
export { temporaryDirectory } from './servers/run.js';
export { type ServiceOptions, type ServiceProcess, startService } from './servers/service.js';
export { type Simulator, type SimulatorOptions, startSimulator } from './simulator/client.js';
export type {
  AgentChoice,
  SimulatedAgent,
  SimulatedRequest,
  SimulatorAnswer,
  SimulatorCommand,
  SimulatorReport,
  SimulatorRequest,
  SimulatorSettings,
} from './simulator/protocol.js';
export { sameDistribution, sameTiming } from './statistics.js';
export { TestClock } from './test-clock.js';
export { type WaitOptions, waitFor } from './wait-for.js';
