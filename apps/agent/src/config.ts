import { agentName, labels } from '@keyfleet/contracts';
import { tracingSettings } from '@keyfleet/telemetry/tracing';
import { z } from 'zod';

const port = z.int().min(0).max(65_535);

/** `k=v,k=v`, or a JSON object. What cannot be understood stays text, and the schema says so. */
function toLabels(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  const text = given.trim();
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      return given;
    }
  }
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(pairs.map((pair) => pair.trim().split(/=(.*)/s).slice(0, 2)));
}

/** Every setting of an agent; the environment names them `KEYFLEET_AGENT__DIRECTORY` and so on. */
export const agentConfig = z.strictObject({
  agent: z.strictObject({
    /** Everything the agent keeps: vault, keys, certificates, identity. */
    directory: z.string().min(1),
    name: agentName,
    host: z.string().min(1).default('127.0.0.1'),
    port: port.default(0),
    /** Names and addresses callers use beside the host and the agent's name; they go into its certificate. */
    serverNames: z.array(z.string().min(1).max(253)).max(32).default([]),
    labels: z.preprocess(toLabels, labels).default({}),
    /** Open at once; what comes beyond is closed before its handshake. */
    maxConnections: z.int().min(10).max(100_000).default(1_000),
    controlPlaneUrl: z.url({ protocol: /^https?$/ }).optional(),
    enrolmentTokenFile: z.string().min(1).optional(),
    /** Secret names never leave the agent; the control plane gets keyed hashes of them. */
    hashSecretNames: z.boolean().default(false),
    /** Lines beyond either are dropped; by age only while the clock of the machine can be believed. */
    audit: z
      .strictObject({
        days: z.int().min(1).max(3_650).default(365),
        /** About 450 bytes each on disk. */
        lines: z.int().min(1_000).max(1_000_000_000).default(2_000_000),
      })
      .prefault({}),
  }),
  operations: z
    .strictObject({ host: z.string().min(1).default('127.0.0.1'), port: port.default(0) })
    .prefault({}),
  tracing: tracingSettings,
  log: z
    .strictObject({
      level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    })
    .prefault({}),
  /** End when the launcher does: when it closes the IPC channel it opened, or our standard input. */
  parentWatch: z.enum(['ipc', 'stdin', 'none']).default('ipc'),
});
export type AgentConfig = z.infer<typeof agentConfig>;
