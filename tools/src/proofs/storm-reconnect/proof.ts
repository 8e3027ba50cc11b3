import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type StormResult, sufferStorm } from './enrolment-storm.js';
import { measureHandshakes } from './handshakes.js';
import { expiredOnDisk, type OutageResult, sufferOutage } from './outages.js';
import { StormWorld, type StormWorldOptions } from './world.js';

export interface PartOptions {
  readonly directory: string;
  readonly seed: string;
  readonly agents: number;
  readonly say: (line: string) => void;
}

const ASSUMED_HANDSHAKES = 300;
const BACK_SECONDS = 60;
const ATTEMPTS_PER_AGENT = 1.2;
const GIVEN_UP_MS = 600_000;
/** By which a clock on a disk may differ from the one that waited. */
const CERTAINLY_MS = 5_000;

export interface KillResult extends OutageResult {
  readonly held: boolean;
  /** Of the machine, measured before. */
  readonly handshakesPerSecond: number;
  /** What that makes of the 60 s. */
  readonly limitSeconds: number;
}

/** The broker is killed and started again under everybody; then come many who want to be enrolled. */
export async function proveKillAndStorm(
  options: PartOptions & { entitled: number; knocks: number; handshakes: number; settledMs?: number },
): Promise<{ readonly kill: KillResult; readonly storm: StormResult & { readonly held: boolean } }> {
  return inWorld('kill', options, {}, async (world) => {
    const { say, entitled, knocks, settledMs } = options;
    const handshakesPerSecond = await measureHandshakes(world.stack, options.handshakes);
    const limitSeconds = Math.ceil(BACK_SECONDS * Math.max(1, ASSUMED_HANDSHAKES / handshakesPerSecond));
    say(`this machine takes ${handshakesPerSecond} handshakes a second: ${limitSeconds} s are allowed`);
    const kill = await sufferOutage({
      ...{ world, say, ceilingMs: Math.max(GIVEN_UP_MS, limitSeconds * 1_000) },
      limits: { seconds: limitSeconds, attemptsPerAgent: ATTEMPTS_PER_AGENT, herd: true },
    });
    const storm = await sufferStorm({ world, say, entitled, wrong: knocks, settledMs });
    return {
      kill: { ...kill, held: kill.wrong.length === 0, handshakesPerSecond, limitSeconds },
      storm: { ...storm, held: storm.wrong.length === 0 },
    };
  });
}

/** The broker is away for so long (of test time) that every agent has tried many times. */
export function proveLongOutage(
  options: PartOptions & { factor: number; lastsMs: number },
): Promise<OutageResult & { held: boolean; factor: number }> {
  const { factor, lastsMs, say } = options;
  return inWorld('outage', options, { factor }, async (world) => {
    const outage = await sufferOutage({ world, say, ceilingMs: GIVEN_UP_MS, lastsMs: lastsMs / factor });
    return { ...outage, held: outage.wrong.length === 0, factor };
  });
}

/** The broker is away until every certificate has ended. */
export function proveExpiry(options: PartOptions & { lifeSeconds: number }): Promise<
  OutageResult & {
    readonly held: boolean;
    readonly lifeSeconds: number;
    readonly expired: number;
    /** Agents that renewed since the broker was back, and how many certificates that took. */
    readonly renewed: number;
    readonly renewals: number;
    readonly renewalsPeakPerSecond: number;
  }
> {
  const { lifeSeconds, agents, say, directory } = options;
  return inWorld('expiry', options, { credentialLifeSeconds: lifeSeconds }, async (world) => {
    const before = await world.store.headPosition();
    const killedAfter = Date.now();
    const lastsMs = lifeSeconds * 1_000 + CERTAINLY_MS;
    let expired = 0;
    const outage = await sufferOutage({
      ...{ world, say, ceilingMs: GIVEN_UP_MS, lastsMs },
      meanwhile: async () => {
        await untilPassed(killedAfter + lastsMs);
        expired = await expiredOnDisk(world, join(directory, 'expiry'));
        say(`${expired} of ${agents} certificates have ended`);
      },
    });
    const renewals = await world.facts(['AgentCertificateRenewed'], before);
    const renewed = new Set(renewals.map(({ stream }) => stream)).size;
    return {
      ...outage,
      held: outage.wrong.length === 0 && expired === agents && renewed === agents,
      ...{ lifeSeconds, expired, renewed, renewals: renewals.length },
      renewalsPeakPerSecond: peakPerSecond(renewals.map(({ recordedAt }) => recordedAt)),
    };
  });
}

async function inWorld<T>(
  name: string,
  { directory, seed, agents, say }: PartOptions,
  more: Pick<StormWorldOptions, 'factor' | 'credentialLifeSeconds'>,
  prove: (world: StormWorld) => Promise<T>,
): Promise<T> {
  const own = join(directory, name);
  mkdirSync(own);
  const world = await StormWorld.start({ directory: own, seed, agents, say, ...more });
  try {
    return await prove(world);
  } finally {
    await world.close();
  }
}

async function untilPassed(at: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())));
}

function peakPerSecond(times: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const time of times) counts.set(time.slice(0, 19), (counts.get(time.slice(0, 19)) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}
