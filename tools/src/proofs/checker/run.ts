import { readFileSync } from 'node:fs';
import { type LossOptions, proveNoLoss } from '../loss/proof.js';
import { seeded } from '../random.js';

export type Order = Omit<LossOptions, 'random' | 'say'> & { readonly randomSeed: number };

/** Runs in a tree of its own, whose folder it was started in: what to do comes as JSON by standard input. */
const order = JSON.parse(readFileSync(0, 'utf8')) as Order;
const result = await proveNoLoss({
  ...order,
  random: seeded(order.randomSeed),
  say: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
