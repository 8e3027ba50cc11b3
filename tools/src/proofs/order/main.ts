import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProof } from '../run-proof.js';
import { Cluster } from './cluster.js';
import { judgeNaive } from './naive.js';
import { proveOrder } from './proof.js';

/** At scale 1. */
const APPENDS = 1_000_000;
const KILLS = 20;
const HOLD_MS = 600_000;
const WINDOW_MS = 20_000;
const NAIVE_APPENDS = 2_000;

/** `npm run proof:order`: no reader misses an event and no position is missing, whatever writers do and wherever the store lies. */
await runProof('order', async ({ directory, random, say, scale, scaled }) => {
  const naive = join(directory, 'naive');
  mkdirSync(naive);
  const cluster = await Cluster.start(naive);
  const planted = await judgeNaive({ url: cluster.superuserUrl, appends: NAIVE_APPENDS, random });
  await cluster.stop();
  say(`the planted naive reader missed ${planted.missed} events, ${planted.holes} positions are holes`);
  const result = await proveOrder({
    ...{ directory, random, say },
    appends: scaled(APPENDS),
    kills: Math.max(3, scaled(KILLS)),
    holdMs: Math.max(15_000, HOLD_MS * scale),
    windowMs: Math.max(4_000, WINDOW_MS * Math.min(1, scale * 2)),
  });
  const caught = planted.missed > 0;
  return { ...result, held: result.held && caught, naive: { missed: planted.missed, holes: planted.holes } };
});
