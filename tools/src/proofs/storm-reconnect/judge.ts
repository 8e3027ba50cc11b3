import type { SimulatedAgent, SimulatorReport } from '@keyfleet/testing';

/** A fleet that lost its broker. Moments are real milliseconds since the epoch. */
export interface Outage {
  readonly killedAt: number;
  readonly acceptedAt: number;
  readonly before: Pick<SimulatorReport, 'agents'>;
  readonly after: Pick<SimulatorReport, 'agents' | 'attempts'>;
  /** `AgentWentOffline` since the kill: nobody died. */
  readonly offline: number;
  /** Whether the control plane shows all of them online. */
  readonly shownOnline: boolean;
  /** What agents are told to spread their return over, in real time. */
  readonly windowMs: number;
}

export interface Limits {
  readonly seconds?: number;
  readonly attemptsPerAgent?: number;
  readonly herd?: boolean;
}

export interface ReturnVerdict {
  readonly agents: number;
  readonly returned: number;
  readonly lost: number;
  readonly falseOffline: number;
  readonly downSeconds: number;
  /** From the moment the broker takes connections to the last agent's return. */
  readonly backSeconds: number;
  /** Since then, which is what is judged. */
  readonly attemptsPerAgent: number;
  /** With those that found no broker. */
  readonly attemptsPerAgentInAll: number;
  /** Most attempts within one second, against the living broker; and what an even spread over the window would be. */
  readonly peakPerSecond: number;
  readonly evenPerSecond: number;
  readonly wrong: readonly string[];
}

const TENTHS = 10;
/** So late at most it is noticed that the broker takes connections: agents may be quicker. */
const NOTICED_MS = 100;
/** A herd comes many times as thick as an even spread; agents that came to a smaller fleet may still hold its shorter window. */
const THICKER = 2;

/** Compares who was there with who came back, when, and how often everybody knocked. */
export function judgeReturn(outage: Outage, limits: Limits = {}): ReturnVerdict {
  const { killedAt, acceptedAt, before, after, offline, windowMs } = outage;
  const agents = before.agents.length;
  const back = after.agents.filter((agent) => hasReturned(agent, killedAt));
  const lastAt = Math.max(acceptedAt, ...back.map(({ connectedAt }) => connectedAt ?? 0));
  const all = attemptsSince(after.attempts, killedAt);
  const living = attemptsSince(after.attempts, acceptedAt - NOTICED_MS);
  const verdict = {
    ...{ agents, returned: back.length, lost: agents - back.length, falseOffline: offline },
    downSeconds: tidy((acceptedAt - killedAt) / 1_000),
    backSeconds: tidy((lastAt - acceptedAt) / 1_000),
    attemptsPerAgent: tidy(sum(living) / agents),
    attemptsPerAgentInAll: tidy(sum(all) / agents),
    peakPerSecond: peakOf(living),
    evenPerSecond: tidy((agents * 1_000) / windowMs),
  };
  return { ...verdict, wrong: wrongWith(verdict, outage.shownOnline, limits) };
}

/** Connected, and not by the connection from before. */
function hasReturned({ state, connectedAt }: SimulatedAgent, killedAt: number): boolean {
  return state === 'connected' && (connectedAt ?? 0) > killedAt;
}

function wrongWith(
  verdict: Omit<ReturnVerdict, 'wrong'>,
  shownOnline: boolean,
  limits: Limits,
): readonly string[] {
  const { lost, falseOffline, backSeconds, attemptsPerAgent, peakPerSecond, evenPerSecond } = verdict;
  const { seconds = Infinity, attemptsPerAgent: most = Infinity, herd = false } = limits;
  // Drawn at random, a second holds somewhat more or less than its share.
  const thick = THICKER * evenPerSecond + 4 * Math.sqrt(evenPerSecond);
  const found: readonly (readonly [boolean, string])[] = [
    [lost > 0, `${lost} agents did not come back`],
    [!shownOnline, 'the control plane does not show all of them online'],
    [falseOffline > 0, `${falseOffline} living agents were reported offline`],
    [backSeconds > seconds, `the last one took ${backSeconds} s of ${seconds}`],
    [attemptsPerAgent > most, `${attemptsPerAgent} attempts per agent, ${most} are allowed`],
    [herd && peakPerSecond > thick, `a herd: ${peakPerSecond} attempts in a second, evenly ${evenPerSecond}`],
  ];
  return found.filter(([is]) => is).map(([, what]) => what);
}

/** From this moment on, by tenths of a second. */
function attemptsSince(attempts: SimulatorReport['attempts'], since: number): ReadonlyMap<number, number> {
  const from = Math.floor(since / 100);
  const later = Object.entries(attempts).map(([tenth, count]) => [Number(tenth), count] as const);
  return new Map(later.filter(([tenth]) => tenth >= from));
}

function sum(attempts: ReadonlyMap<number, number>): number {
  return [...attempts.values()].reduce((all, count) => all + count, 0);
}

/** In any second, wherever it begins. */
function peakOf(attempts: ReadonlyMap<number, number>): number {
  const within = (from: number) => {
    let count = 0;
    for (let tenth = from; tenth < from + TENTHS; tenth += 1) count += attempts.get(tenth) ?? 0;
    return count;
  };
  return Math.max(0, ...[...attempts.keys()].map(within));
}

const tidy = (figure: number): number => Math.round(figure * 100) / 100;
