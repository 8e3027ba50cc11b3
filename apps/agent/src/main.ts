import {
  ConfigError,
  createLogger,
  createMetrics,
  createShutdown,
  loadConfig,
  systemClock,
} from '@keyfleet/platform';
import { startTracing } from '@keyfleet/telemetry/tracing';
import { startAgent } from './agent.js';
import { breakGlass } from './cli/break-glass.js';
import { manageKeys } from './cli/keys.js';
import { agentConfig } from './config.js';

export const AGENT_VERSION = '0.1.0';

// Whatever is made here is its owner's alone.
process.umask(0o077);

const [command, ...rest] = process.argv.slice(2);
if (command === 'keys') process.exitCode = await manageKeys(rest);
else if (command === 'break-glass') process.exitCode = await breakGlass(rest);
else await serve().catch(explain);

/** A wrong setting is for its reader to mend; anything else is ours, and shows where. */
function explain(error: unknown): void {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function serve(): Promise<void> {
  const { value: config } = loadConfig(agentConfig);
  const logger = createLogger({ service: 'agent', version: AGENT_VERSION, level: config.log.level });
  const metrics = createMetrics({ service: 'agent', version: AGENT_VERSION });
  const shutdown = createShutdown({ logger, endWithParent: config.parentWatch === 'ipc' });
  if (config.parentWatch === 'stdin') {
    process.stdin.once('end', () => void shutdown.begin('the launcher is gone'));
    process.stdin.resume();
  }
  const tracing = await startTracing({ service: 'agent', version: AGENT_VERSION, settings: config.tracing });
  shutdown.onShutdown('tracing', () => tracing.close());
  const agent = await startAgent({ config, version: AGENT_VERSION, clock: systemClock, logger, metrics });
  shutdown.onShutdown('agent', () => agent.close());
  logger.info({ url: agent.url, operationsUrl: agent.operations.url }, 'The agent serves');
}
