import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Progress } from '../../launcher/progress.js';
import { seeded } from '../random.js';
import { proveAuthorities, proveProduct } from './parts.js';

const USAGE = `npm run proof:broker [-- --seed N --scale X]

Forges every operation an agent could try with its own credentials, beside an honest twin, and revokes agents through
everything that can happen to a broker. Exits 0 only if all of it held; the last line is one JSON object.`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    scale: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<boolean> {
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const scale = Number(values.scale);
  if (!Number.isInteger(seed) || !(scale > 0 && scale <= 10)) throw new Error(USAGE);
  const progress = new Progress(process.stderr);
  progress.say(`seed ${seed}, scale ${scale}`);
  const proving = { random: seeded(seed), scale, progress };
  const parts = [await proveAuthorities(proving), await proveProduct(proving)];
  const matrices = parts.flatMap(({ matrices }) => matrices);
  const cuts = parts.flatMap(({ cuts }) => cuts).sort((a, b) => a - b);
  const forged = matrices.flatMap((result) => result.forged);
  const twinsFailed = matrices.flatMap((result) => result.twinsFailed);
  const failures = [
    ...forged.map((name) => `not refused: ${name}`),
    ...twinsFailed.map((name) => `honest twin failed: ${name}`),
    ...parts.flatMap((part) => part.failures),
  ];
  for (const failure of failures) progress.say(`  FAILED: ${failure}`);
  const held = failures.length === 0;
  const figures = {
    operations: matrices.reduce((sum, { operations }) => sum + operations, 0),
    forged: forged.length,
    twinsFailed: twinsFailed.length,
    revoked: cuts.length,
    cutP99Ms: Math.round(cuts[Math.ceil(cuts.length * 0.99) - 1] ?? 0),
    cutMaxMs: Math.round(cuts.at(-1) ?? 0),
    failures: failures.length,
  };
  process.stdout.write(`${JSON.stringify({ proof: 'broker', held, seed, scale, ...figures })}\n`);
  return held;
}

main().then(
  (held) => process.exit(held ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.stdout.write(`${JSON.stringify({ proof: 'broker', held: false })}\n`);
    process.exit(1);
  },
);
