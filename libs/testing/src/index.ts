export { testNats, testRedis } from './servers/brokers.js';
export { type DeciderOutcome, deciderSpec } from './decider.js';
export {
  createTestDatabase,
  type TestDatabase,
  type TestDatabaseOptions,
  type TestPostgres,
  testPostgres,
} from './servers/postgres.js';
export { temporaryDirectory } from './servers/run.js';
export { DATABASE_ROLES, type DatabaseRole } from './servers/shared.js';
export { TestClock } from './test-clock.js';
export { type WaitOptions, waitFor } from './wait-for.js';
