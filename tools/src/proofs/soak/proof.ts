import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Stack } from '../../e2e/stack.js';
import { constancyOf, type Point, slopeOf } from './judge.js';
import { Load, type Work } from './load.js';
import { readSamples, type Sample } from './probe.js';
import { Servers } from './servers.js';
import { type ProcessReport, type ServerReport, tableOf } from './table.js';

export interface SoakOptions {
  /** An empty folder; the installation's data lies in it. */
  readonly directory: string;
  readonly seed: string;
  readonly simulated: number;
  /** Not looked at: caches fill and code is compiled. */
  readonly warmUpMs: number;
  readonly lookMs: number;
  readonly everyMs: number;
  readonly limitPerHour: number;
  readonly say: (line: string) => void;
}

export interface SoakResult {
  readonly held: boolean;
  readonly simulated: number;
  readonly processes: readonly ProcessReport[];
  readonly servers: readonly ServerReport[];
  readonly work: Work;
  readonly restarted: readonly string[];
}

/** Lets the whole product work steadily, and judges whether anything in it only ever becomes more. */
export async function proveSoak(options: SoakOptions): Promise<SoakResult> {
  const { directory, everyMs } = options;
  const samples = join(directory, 'samples');
  mkdirSync(samples);
  const probe = join(directory, 'probe.mjs');
  const source = JSON.stringify(join(import.meta.dirname, 'probe.js'));
  writeFileSync(
    probe,
    `import { startProbe } from ${source};\nstartProbe(${JSON.stringify(samples)}, ${everyMs});\n`,
  );
  const stack = await Stack.start({
    ...{ directory, agents: 3, traffic: true },
    env: { NODE_OPTIONS: `--expose-gc --import ${probe}` },
  });
  try {
    return await soak({ ...options, stack, samples });
  } finally {
    await stack.stop();
  }
}

interface Parts extends SoakOptions {
  readonly stack: Stack;
  readonly samples: string;
}

async function soak(parts: Parts): Promise<SoakResult> {
  const { stack, directory, seed, say, warmUpMs, lookMs, everyMs, limitPerHour } = parts;
  const stop = new AbortController();
  const load = new Load({ stack, directory, seed, simulated: parts.simulated, signal: stop.signal });
  const { simulated, done } = await load.start();
  say(
    `${simulated} simulated agents, ${stack.run.agents.length} real ones; warming up for ${warmUpMs / 1_000} s`,
  );
  const before = processesOf(stack);
  await delay(warmUpMs);
  const servers = await Servers.connect(stack);
  const from = Date.now();
  for (let said = from; Date.now() < from + lookMs; await delay(everyMs)) {
    await servers.sample();
    if (Date.now() - said < 60_000) continue;
    said = Date.now();
    say(`${Math.round((said - from) / 1_000)} s of ${Math.round(lookMs / 1_000)}: ${load.work.reads} reads`);
  }
  const after = processesOf(stack);
  stop.abort();
  await done;
  await servers.close();
  const processes = [...before].map(([name, pid]) => {
    const seen = readSamples(parts.samples, pid).filter(({ at }) => at >= from);
    return judgeProcess(name, seen, limitPerHour);
  });
  const counts = Object.entries(servers.counts).map(([name, points]) => ({ name, ...constancyOf(points) }));
  const restarted = [...before].filter(([name, pid]) => after.get(name) !== pid).map(([name]) => name);
  for (const line of tableOf(processes, counts)) say(line);
  const steady = processes.every(isSteady) && counts.every(({ constant }) => constant);
  const { work } = load;
  return {
    held: steady && restarted.length === 0 && work.failures === 0 && simulated === parts.simulated,
    ...{ simulated, processes, servers: counts, work, restarted },
  };
}

function processesOf({ run }: Stack): Map<string, number> {
  return new Map([
    ...run.services.map(({ name, pid }) => [name, pid] as const),
    ...run.agents.map(({ name, pid }) => [`agent ${name}`, pid] as const),
    ['launcher', run.launcher.pid],
  ]);
}

export function judgeProcess(name: string, samples: readonly Sample[], limitPerHour: number): ProcessReport {
  const points = (pick: (sample: Sample) => number): Point[] =>
    samples.map((sample) => ({ at: sample.at, value: pick(sample) }));
  return {
    ...{ name, samples: samples.length },
    live: slopeOf(
      points(({ live }) => live),
      limitPerHour,
    ),
    rss: slopeOf(
      points(({ rss }) => rss),
      limitPerHour,
    ),
    anonymous: slopeOf(
      points(({ anonymous }) => anonymous),
      limitPerHour,
    ),
    descriptors: constancyOf(points(({ descriptors }) => descriptors)),
    timers: constancyOf(points(({ timers }) => timers)),
    sockets: constancyOf(points(({ sockets }) => sockets)),
  };
}

export function isSteady({ live, rss, descriptors, timers, sockets, samples }: ProcessReport): boolean {
  const counts = [descriptors, timers, sockets];
  return (
    samples > 0 &&
    live.verdict !== 'grows' &&
    rss.verdict !== 'grows' &&
    counts.every(({ constant }) => constant)
  );
}
