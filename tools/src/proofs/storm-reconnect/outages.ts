import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@keyfleet/testing';
import { judgeReturn, type Limits, type ReturnVerdict } from './judge.js';
import type { StormWorld } from './world.js';

export interface OutageOptions {
  readonly world: StormWorld;
  /** Real time; without it, the broker is started again at once. */
  readonly lastsMs?: number;
  readonly limits?: Limits;
  /** For whoever never comes back. */
  readonly ceilingMs: number;
  /** Done while it is away. */
  readonly meanwhile?: () => Promise<void>;
  readonly say: (line: string) => void;
}

export interface OutageResult extends ReturnVerdict {
  /** Of what came to nothing, by the machine's word for it. */
  readonly reasons: Readonly<Record<string, number>>;
}

/** Kills the broker under the whole fleet and watches everybody come back. */
export async function sufferOutage(options: OutageOptions): Promise<OutageResult> {
  const { world, lastsMs, limits, ceilingMs, meanwhile, say } = options;
  const { simulator, broker, store, agents, factor } = world;
  const position = await store.headPosition();
  const before = await simulator.report();
  const killedAt = lastsMs === undefined ? await broker.kill() : await broker.killAndHold();
  say('the broker was killed');
  await meanwhile?.();
  await delay(Math.max(0, killedAt + (lastsMs ?? 0) - Date.now()));
  broker.release();
  const acceptedAt = await broker.accepting();
  say(`it takes connections again after ${((acceptedAt - killedAt) / 1_000).toFixed(1)} s`);
  await waitForAll(world, killedAt, ceilingMs);
  const after = await simulator.report();
  const shownOnline = await world.allShownOnline(agents);
  const offline = await world.facts(['AgentWentOffline'], position);
  const verdict = judgeReturn(
    {
      ...{ killedAt, acceptedAt, before, after, shownOnline, offline: offline.length },
      windowMs: windowMs(agents) / factor,
    },
    limits,
  );
  say(JSON.stringify(verdict));
  return { ...verdict, reasons: newReasons(before.reasons, after.reasons) };
}

/** As `libs/registry` tells agents: 200 a second, between 5 s and 2 min. */
export function windowMs(agents: number): number {
  return Math.min(Math.max(agents * 5, 5_000), 120_000);
}

async function waitForAll(world: StormWorld, since: number, ceilingMs: number): Promise<void> {
  const allBack = async () => {
    const { agents } = await world.simulator.report();
    await delay(250);
    return agents.every(({ state, connectedAt }) => state === 'connected' && (connectedAt ?? 0) > since);
  };
  // Who is missing then is what the judge says.
  await waitFor(allBack, { ceilingMs }).catch(() => undefined);
}

function newReasons(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>) {
  const grown = Object.entries(after).map(([why, count]) => [why, count - (before[why] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

/** How many agents' certificates have ended by now, as it stands on their disks. */
export async function expiredOnDisk(world: StormWorld, directory: string): Promise<number> {
  const { agents } = await world.simulator.report();
  const ends = agents.map(({ index }) => {
    const text = readFileSync(join(directory, `fleet/agent-${index}/link/identity.json`), 'utf8');
    return Date.parse((JSON.parse(text) as { expiresAt: string }).expiresAt);
  });
  return ends.filter((end) => end < Date.now()).length;
}
