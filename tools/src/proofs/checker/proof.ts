import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from '../loss/plan.js';
import type { LossResult } from '../loss/proof.js';
import { MUTANTS, type Mutant } from './mutants.js';
import type { Order } from './run.js';
import { plant } from './tree.js';

export interface CheckerOptions {
  readonly directory: string;
  readonly seed: string;
  readonly random: () => number;
  readonly say: (line: string) => void;
  /** Kills of the first round; where they show nothing there is a second with three times as many. */
  readonly kills: number;
  /** Names of the planted bugs to look for; all by default. */
  readonly only?: readonly string[];
}

export interface Catch {
  readonly name: string;
  readonly mistake: string;
  readonly caught: boolean;
  /** What was found, with how often. */
  readonly findings: Readonly<Record<string, number>>;
  /** Until it was caught, over all rounds. */
  readonly kills: number;
  readonly entries: number;
}

const ROUNDS = [1, 3];
const AGENTS = 4;
const KILL_EVERY_MS = 2_000;
/** At each real agent: enough that every moment has something under way. */
const ENTRIES_PER_SECOND = 12;
const CLEAN: Partial<Readonly<Record<Target, number>>> = {
  'ingest.after-append': 2,
  'ingest.before-reply': 1,
  registry: 2,
  analytics: 2,
  postgres: 1,
  agent: 1,
  'agent-older': 2,
};

/** Plants each bug in a tree of its own and runs there what has to find it; then the same without a bug. */
export async function proveChecker(
  options: CheckerOptions,
): Promise<{ clean: Catch; caught: readonly Catch[] }> {
  const { only, say } = options;
  const mutants = MUTANTS.filter(({ name }) => !only || only.includes(name));
  // All at once and before anything runs: a patch that does not fit is told within a second.
  for (const mutant of mutants) plantIn(options, mutant.name, mutant);
  const caught: Catch[] = [];
  for (const mutant of mutants) {
    const found = await hunt(options, mutant);
    const what = Object.entries(found.findings).map(([name, count]) => `${name} ${count}`);
    say(
      `${mutant.name}: ${found.caught ? 'caught' : 'NOT caught'} after ${found.kills} kills (${what.join(', ')})`,
    );
    caught.push(found);
  }
  const harmless: Mutant = {
    ...{ name: 'clean', mistake: 'none', patches: [], weights: CLEAN, caughtBy: [] },
  };
  plantIn(options, 'clean', harmless);
  const clean = await hunt(options, harmless);
  say(`clean: ${JSON.stringify(clean.findings)} after ${clean.kills} kills`);
  return { clean, caught };
}

function treeOf({ directory }: CheckerOptions, name: string): string {
  return join(directory, 'trees', name);
}

function plantIn(options: CheckerOptions, name: string, { patches }: Mutant): void {
  const tree = treeOf(options, name);
  mkdirSync(tree, { recursive: true });
  plant(process.cwd(), tree, patches);
}

async function hunt(options: CheckerOptions, mutant: Mutant): Promise<Catch> {
  const { name, mistake } = mutant;
  let kills = 0;
  let last: Pick<Catch, 'findings' | 'entries'> = { findings: {}, entries: 0 };
  const rounds = mutant.caughtBy.length === 0 ? [ROUNDS[0] as number] : ROUNDS;
  for (const factor of rounds) {
    const result = await runIn(options, mutant, options.kills * factor);
    kills += result.kills;
    const findings = findingsOf(result);
    last = { findings, entries: result.entries };
    if (mutant.caughtBy.some((finding) => findings[finding]))
      return { name, mistake, caught: true, kills, ...last };
  }
  return { name, mistake, caught: false, kills, ...last };
}

const FIGURES = new Set([
  'entries',
  'ofRealAgents',
  'kills',
  'pauses',
  'networkFaults',
  'watermarksCompared',
]);

/** What is not zero and should be. */
function findingsOf(result: LossResult): Record<string, number> {
  const counts = Object.entries(result).filter(
    ([name, value]) =>
      typeof value === 'number' && value > 0 && !FIGURES.has(name) && !name.endsWith('Seconds'),
  );
  return Object.fromEntries(counts) as Record<string, number>;
}

async function runIn(options: CheckerOptions, mutant: Mutant, kills: number): Promise<LossResult> {
  const { name, weights } = mutant;
  const planted = mutant.patches.length > 0;
  const directory = join(options.directory, 'run');
  mkdirSync(directory, { recursive: true });
  const seconds = (kills * KILL_EVERY_MS) / 1_000;
  const order: Order = {
    ...{ directory, seed: options.seed, randomSeed: Math.floor(options.random() * 2 ** 32) },
    ...{ agents: AGENTS, entriesPerAgent: Math.ceil(ENTRIES_PER_SECOND * seconds) },
    ...{ simulated: 0, entriesPerSimulated: 0, kills, killEveryMs: KILL_EVERY_MS, weights },
    ...{ disturbEveryMs: mutant.disturbEveryMs, drainCeilingMs: 60_000 },
    ...(planted ? { untilFound: true, drainCeilingMs: 20_000, patienceMs: 10_000 } : {}),
  };
  try {
    const child = spawn(process.execPath, ['tools/dist/proofs/checker/run.js'], {
      cwd: treeOf(options, name),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let answer = '';
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdin.end(JSON.stringify(order));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`The run of ${name} ended with ${code}:\n${said.slice(-3_000)}`);
    return JSON.parse(answer) as LossResult;
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
