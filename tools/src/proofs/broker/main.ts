import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Progress } from '../../launcher/progress.js';
import { runCredentials } from './credentials.js';
import { ProofInstallation } from './installation.js';
import { type MatrixResult, runMatrix } from './matrix.js';
import { seeded } from './random.js';
import { Revocations } from './revocation.js';

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
  const random = seeded(seed);
  const progress = new Progress(process.stderr);
  progress.say(`seed ${seed}, scale ${scale}`);
  const installation = new ProofInstallation();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void installation.stop().finally(() => process.exit(130)));
  try {
    await progress.step('installation', () => installation.start());
    const figures = await prove({ installation, random, scale, progress });
    const held = figures.failures.length === 0;
    for (const failure of figures.failures) progress.say(`  FAILED: ${failure}`);
    const { failures: _failures, ...numbers } = figures;
    process.stdout.write(`${JSON.stringify({ proof: 'broker', held, seed, scale, ...numbers })}\n`);
    return held;
  } finally {
    await installation.stop();
  }
}

interface Proving {
  readonly installation: ProofInstallation;
  readonly random: () => number;
  readonly scale: number;
  readonly progress: Progress;
}

async function prove({ installation, random, scale, progress }: Proving) {
  const authorities = [await installation.startAuthority(), await installation.startAuthority()] as const;
  const [authority] = authorities;
  for (const one of authorities) while (!(await one.isReady())) await delay(50);
  const matrix = (responders: 'service' | 'unbound') =>
    progress.step(`forged operations, ${responders} responders`, async (say) => {
      const result = await runMatrix({ installation, authority, random, responders });
      say(describe(result));
      return result;
    });
  const guarded = await matrix('service');
  const unbound = await matrix('unbound');
  const credentials = await progress.step('credentials and names', async (say) => {
    const result = await runCredentials(installation, authority);
    say(describe(result));
    return result;
  });
  const revocation = await progress.step('revocations', (say) => {
    const singles = Math.max(3, Math.round(30 * scale));
    const rounds = Math.max(3, Math.round(20 * scale));
    const overtaken = Math.max(2, Math.round(5 * scale));
    return new Revocations({ installation, authorities, random, singles, rounds, overtaken, say }).run();
  });
  const matrices = [guarded, unbound, credentials];
  const all = (pick: (result: Pick<MatrixResult, 'forged' | 'twinsFailed'>) => readonly string[]) =>
    matrices.flatMap(pick);
  const forged = all((result) => result.forged);
  const twinsFailed = all((result) => result.twinsFailed);
  return {
    operations: matrices.reduce((sum, { operations }) => sum + operations, 0),
    distinctOperations: guarded.operations + credentials.operations,
    forged: forged.length,
    twinsFailed: twinsFailed.length,
    repliesDropped: guarded.dropped + unbound.dropped,
    revoked: revocation.revoked,
    cutP99Ms: revocation.cutP99Ms,
    cutMaxMs: revocation.cutMaxMs,
    concurrentRounds: revocation.concurrentRounds,
    failures: [
      ...forged.map((name) => `not refused: ${name}`),
      ...twinsFailed.map((name) => `honest twin failed: ${name}`),
      ...revocation.failures,
    ],
  };
}

function describe(result: Pick<MatrixResult, 'operations' | 'forged' | 'twinsFailed'>): string {
  const { operations, forged, twinsFailed } = result;
  return `${operations} operations, ${forged.length} with an effect, ${twinsFailed.length} honest twins failed`;
}

main().then(
  (held) => process.exit(held ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
