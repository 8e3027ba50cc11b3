import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

/** What happens when a process passes a named place. */
const action = z.union([
  z.enum(['kill', 'throw']),
  /** Waits there until the file exists. */
  z.strictObject({ pauseUntilFile: z.string() }),
  /** Dies there once, when the file exists; the file is removed first, so a restarted process lives. */
  z.strictObject({ killWhenFile: z.string() }),
]);
const failpointsSchema = z.record(z.string(), action);
type Failpoints = z.infer<typeof failpointsSchema>;

const VARIABLE = 'KEYFLEET_FAILPOINTS';
let active: Failpoints | undefined;

/**
 * A seam for crash proofs: nothing, unless KEYFLEET_FAILPOINTS names this place, as in
 * `{ "ingest.after-append": "kill" }`. Refused in production.
 */
export async function failpoint(name: string): Promise<void> {
  active ??= readFailpoints(process.env);
  const found = active[name];
  if (found !== undefined) await perform(name, found);
}

/** Throws where failpoints are set in production or cannot be understood: a service must not start like that. */
export function readFailpoints(env: NodeJS.ProcessEnv): Failpoints {
  const text = env[VARIABLE];
  if (!text) return {};
  if (env.NODE_ENV === 'production')
    throw new Error(`${VARIABLE} is set, and NODE_ENV is production: failpoints are for proofs only.`);
  try {
    return failpointsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${VARIABLE} is not a JSON object of failpoints.`, { cause });
  }
}

async function perform(name: string, found: z.infer<typeof action>): Promise<void> {
  if (found === 'throw') throw new Error(`failpoint ${name}`);
  if (found === 'kill') return die();
  if ('pauseUntilFile' in found) {
    while (!existsSync(found.pauseUntilFile)) await delay(20);
    return;
  }
  if (!existsSync(found.killWhenFile)) return;
  rmSync(found.killWhenFile, { force: true });
  return die();
}

/** Nothing after it runs: the signal may take a moment to arrive. */
async function die(): Promise<void> {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => {});
}
