import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProof } from '../run-proof.js';
import { type GrowthFigure, measureGrowth } from './growth.js';
import { proveLiveness } from './proof.js';
import { SIMULATOR } from './simulated.js';

/** Ten seconds of tolerance are then two real ones. */
const FACTOR = 5;
/** A beat costs about 0.6 ms at its agent and half of that behind it: two cores carry so many no faster. */
const FACTOR_OF_MANY = 2;
const MANY = 5_000;
/** At scale 1. */
const AGENTS = 10_000;
const KILLS = 500;
const LASTS_MS = 1_800_000;
/** Long enough for a death, its report, and what befalls the registries in between. */
const LEAST_MS = 720_000;

/** Whose beats the harness sends, each size ten times the one before. */
const GROWTH = [1_000, 10_000, 100_000];
const STEADY_SECONDS = 30;
const CPU_SHARE_AT_FULL_SIZE = 0.25;
/** One sweep in five seconds may take no more than a hundredth of them. */
const MOST_SWEEP_MS = 50;

/** `npm run proof:liveness`: every dead agent is reported once and in time, and nobody else; and it costs little. */
await runProof('liveness', async ({ directory, random, say, scale, scaled }) => {
  const detection = join(directory, 'detection');
  mkdirSync(detection);
  const result = await proveLiveness({
    ...{ directory: detection, random, say },
    factor: scaled(AGENTS) > MANY ? FACTOR_OF_MANY : FACTOR,
    kind: existsSync(SIMULATOR) ? 'simulator' : 'hearts',
    agents: scaled(AGENTS),
    kills: scaled(KILLS),
    lastsMs: Math.max(LEAST_MS, LASTS_MS * Math.min(1, scale)),
  });
  say(JSON.stringify(result));
  const grown = join(directory, 'growth');
  mkdirSync(grown);
  const growth = await measureGrowth({
    ...{ directory: grown, say },
    sizes: GROWTH.map(scaled),
    steadySeconds: STEADY_SECONDS,
  });
  return { ...result, held: result.held && isFlat(growth), growth };
});

function isFlat([, before, last]: readonly GrowthFigure[]): boolean {
  if (!before || !last) return false;
  const { sweepMs, cpu, beatsPerSecond } = last;
  const isCheap = sweepMs <= MOST_SWEEP_MS && (cpu['registry'] ?? 1) < CPU_SHARE_AT_FULL_SIZE;
  return isCheap && beatsPerSecond * 2 >= before.beatsPerSecond;
}
