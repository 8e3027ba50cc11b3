import { z } from 'zod';
import { id, semver, sha256, timestamp } from './names.js';

/** Beats come this often, plus or minus jitter: 24 to 30 s. */
export const HEARTBEAT_MIN_MS = 24_000;
export const HEARTBEAT_MAX_MS = 30_000;
/** Covered seconds without a beat after which an agent is offline. */
export const OFFLINE_AFTER_SECONDS = 90;

/** Upper bounds (ms) of the latency histogram in a beat; one more bucket is open-ended. */
export const LATENCY_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 250, 1_000] as const;

const count = z.int().min(0);

export const heartbeat = z.strictObject({
  v: z.literal(1),
  agentId: id('agt'),
  /** New at every start of the agent process; two that alternate are a suspected clone. */
  bootId: z.uuid(),
  /** Grows by one with every beat of a boot. */
  counter: z.int().min(1),
  at: timestamp,
  agentVersion: semver,
  journal: z.strictObject({ epoch: z.int().min(0), seq: count, acknowledged: count }),
  policy: z.strictObject({ version: count, hash: sha256 }).nullable(),
  secrets: count,
  storage: z.enum(['ok', 'degraded']),
  seal: z.enum(['unsealed', 'sealed']),
  /** Requests by latency since the last beat, one number per bucket and one for the rest. */
  latency: z.array(count).length(LATENCY_BUCKETS_MS.length + 1),
});
export type Heartbeat = z.infer<typeof heartbeat>;
