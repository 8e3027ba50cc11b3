import { parseArgs } from 'node:util';

export interface LaunchOptions {
  /** Demo agents to run; the first three have names and the traffic. */
  readonly agents: number;
  /** Whether agents are given secrets and used. */
  readonly traffic: boolean;
}

export const START_USAGE = `npm start [-- options]

  --agents N     run N demo agents (default 3)
  --no-traffic   leave the demo agents alone
  --help         this text

Data lies in .keyfleet/; delete the folder to begin anew. An own PostgreSQL or Redis is taken from
KEYFLEET_POSTGRES_URL (a superuser's URL) and KEYFLEET_REDIS_URL.`;

/** Undefined where only the usage was asked for. */
export function parseLaunchOptions(argv: readonly string[]): LaunchOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      agents: { type: 'string', default: '3' },
      traffic: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
    strict: true,
  });
  if (values.help) return undefined;
  const agents = Number(values.agents);
  if (!Number.isInteger(agents) || agents < 0 || agents > 200)
    throw new Error(`--agents takes a number from 0 to 200, not "${values.agents}".`);
  return { agents, traffic: values.traffic };
}
