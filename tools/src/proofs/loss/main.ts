import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seeded } from '../broker/random.js';
import { proveNoLoss } from './proof.js';

/** At scale 1. */
const AGENTS = 3;
const ENTRIES_PER_AGENT = 2_000;
const KILLS = 24;
/** Room for a killed process to come back, in the mean. */
const MS_PER_KILL = 4_000;

const { values: given } = parseArgs({
  options: {
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    scale: { type: 'string', default: '1' },
  },
});
const { seed } = given;
const scale = Number(given.scale);
const say = (line: string) => process.stdout.write(`${line}\n`);
const started = performance.now();
const seconds = () => Math.round((performance.now() - started) / 1_000);

/** `npm run proof:loss`: kills everything over and over while agents write, and compares what everybody has afterwards. */
async function main(): Promise<boolean> {
  if (!(scale > 0)) throw new Error('--scale must be a number above 0.');
  say(`seed ${seed}, scale ${scale}`);
  const directory = mkdtempSync(join(tmpdir(), 'keyfleet-loss-'));
  const kills = Math.max(1, Math.round(KILLS * scale));
  try {
    const result = await proveNoLoss({
      directory,
      agents: AGENTS,
      entriesPerAgent: Math.max(10, Math.round(ENTRIES_PER_AGENT * scale)),
      kills,
      overMs: kills * MS_PER_KILL,
      cutOffMs: Math.min(45_000, kills * MS_PER_KILL * 0.5),
      random: seeded(createHash('sha256').update(seed).digest().readUInt32BE(0)),
      say: (line) => say(`${String(seconds()).padStart(5)} s  ${line}`),
    });
    const { held, ...figures } = result;
    say(JSON.stringify({ proof: 'loss', held, seed, scale, ...figures, seconds: seconds() }));
    return held;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

main().then(
  (held) => process.exit(held ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    say(JSON.stringify({ proof: 'loss', held: false, seed, scale }));
    process.exit(1);
  },
);
