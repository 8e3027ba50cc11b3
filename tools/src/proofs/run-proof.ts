import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { endDescendants } from './family.js';
import { seeded } from './random.js';

export interface ProofRun {
  readonly seed: string;
  /** 1 = the sizes of the issue. */
  readonly scale: number;
  /** Drawn from the seed: the same seed makes the same choices. */
  readonly random: () => number;
  /** An empty folder, taken away at the end. */
  readonly directory: string;
  /** A line of progress, with the seconds since the start. */
  say(line: string): void;
  /** So much at this scale, one at least. */
  scaled(atScaleOne: number): number;
}

/** The figures of the last line; `held` decides how the process ends. */
export interface ProofResult {
  readonly held: boolean;
  readonly [figure: string]: unknown;
}

/**
 * Runs one proof as the whole of this process: takes `--seed` and `--scale`, shows progress, writes the result as
 * one JSON object in the last line and exits 0 only where it held. What fails counts as not held.
 */
export async function runProof(name: string, prove: (run: ProofRun) => Promise<ProofResult>): Promise<never> {
  const { values: given } = parseArgs({
    options: {
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      scale: { type: 'string', default: '1' },
    },
  });
  const { seed } = given;
  const scale = Number(given.scale);
  if (!(scale > 0)) {
    process.stderr.write('--scale takes a number above 0.\n');
    process.exit(1);
  }
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1_000);
  const write = (line: string) => process.stdout.write(`${line}\n`);
  write(`proof:${name}, seed ${seed}, scale ${scale}`);
  const directory = mkdtempSync(join(tmpdir(), `keyfleet-${name}-`));
  endWhenTold(name, directory);
  let result: ProofResult = { held: false };
  try {
    result = await prove({
      seed,
      scale,
      random: seeded(createHash('sha256').update(seed).digest().readUInt32BE(0)),
      directory,
      say: (line) => write(`${String(seconds()).padStart(5)} s  ${line}`),
      scaled: (size) => Math.max(1, Math.round(size * scale)),
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  } finally {
    if (process.env['KEYFLEET_PROOF_KEEP'] === '1') write(`The logs are kept in ${directory}`);
    else rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
  const { held, ...figures } = result;
  write(JSON.stringify({ proof: name, held, seed, scale, ...figures, seconds: seconds() }));
  process.exit(held ? 0 : 1);
}

/** Somebody who ends a proof early finds nothing of it left, and a last line that says it did not hold. */
function endWhenTold(proof: string, directory: string): void {
  const end = async (signal: NodeJS.Signals) => {
    await endDescendants();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    process.stdout.write(`${JSON.stringify({ proof, held: false, endedBy: signal })}\n`);
    process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(signal));
}
