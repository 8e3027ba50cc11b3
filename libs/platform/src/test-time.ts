import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@keyfleet/kernel';

const FACTOR = 'KEYFLEET_TEST_TIME_FACTOR';
const BEGAN_AT = 'KEYFLEET_TEST_TIME_BEGAN_AT';
const STEP_FILE = 'KEYFLEET_TEST_TIME_STEP_FILE';
/** In real time: how old what was read of the step file may be. */
const STEP_READ_EVERY_MS = 50;

export interface TestTimeOptions {
  /** How many times faster it passes. */
  readonly factor: number;
  /** The real moment, in milliseconds, at which it and real time are the same. */
  readonly beganAt: number;
  /** Holds milliseconds by which the wall clock is off; read again and again. No file is no step. */
  readonly stepFile?: string;
}

/** Time that passes faster, the same in every process that is given the same beginning. */
export interface TestTime {
  readonly factor: number;
  readonly clock: Clock;
  /** Resolves after so much test time, or at once when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function testTime({ factor, beganAt, stepFile }: TestTimeOptions): TestTime {
  const step = stepFile === undefined ? () => 0 : stepFrom(stepFile);
  return {
    factor,
    clock: {
      now: () => Math.floor(beganAt + (Date.now() - beganAt) * factor + step()),
      // Counts on whatever somebody sets the wall clock to.
      monotonic: () => performance.now() * factor,
    },
    sleep: async (ms, signal) => {
      await delay(ms / factor, undefined, { signal }).catch(() => undefined);
    },
  };
}

/**
 * The test time a proof asks for; undefined without one. Throws in production, and where the factor is no number from 1
 * on or the beginning no number.
 */
export function testTimeFromEnvironment(env: NodeJS.ProcessEnv): TestTime | undefined {
  const factor = testTimeFactor(env);
  if (factor === undefined) return undefined;
  const beganAt = Number(env[BEGAN_AT] ?? Date.now());
  if (!Number.isFinite(beganAt)) throw new Error(`${BEGAN_AT} must be a time in milliseconds.`);
  return testTime({ factor, beganAt, stepFile: env[STEP_FILE] || undefined });
}

/** How many times faster a proof lets time pass; undefined where nobody asks for it. Throws as above. */
export function testTimeFactor(env: NodeJS.ProcessEnv): number | undefined {
  const text = env[FACTOR];
  if (!text) return undefined;
  if (env['NODE_ENV'] === 'production')
    throw new Error(`${FACTOR} is set, and NODE_ENV is production: it is for proofs only.`);
  const factor = Number(text);
  if (!Number.isFinite(factor) || factor < 1) throw new Error(`${FACTOR} must be a number from 1 on.`);
  return factor;
}

function stepFrom(file: string): () => number {
  let readAt = Number.NEGATIVE_INFINITY;
  let step = 0;
  return () => {
    const now = performance.now();
    if (now - readAt < STEP_READ_EVERY_MS) return step;
    readAt = now;
    step = readStep(file) ?? step;
    return step;
  };
}

/** Undefined for a file that is just being written. */
function readStep(file: string): number | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
  } catch {
    return 0;
  }
}
