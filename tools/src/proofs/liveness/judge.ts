/** All times are test time in milliseconds. */
export interface Death {
  readonly agentId: string;
  readonly at: number;
}

export interface Report {
  readonly agentId: string;
  readonly at: number;
}

export interface Blind {
  readonly from: number;
  readonly to: number;
}

export interface DetectionVerdict {
  readonly killed: number;
  readonly reported: number;
  readonly missed: number;
  readonly doubled: number;
  /** Agents reported that were not dead. */
  readonly false: number;
  /** From death to report, over deaths whose wait no blindness fell into; in seconds. */
  readonly latency: Latency;
  /** Over all of them, the time of blindness left out. */
  readonly covered: Latency;
  /** Deaths whose wait a blindness fell into. */
  readonly delayed: number;
}

export interface Latency {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Tens of seconds and how many. */
  readonly histogram: Readonly<Record<string, number>>;
}

/** Compares who died with who was reported. One report answers the last death of its agent before it. */
export function judgeDetection(
  deaths: readonly Death[],
  reports: readonly Report[],
  blind: readonly Blind[],
): DetectionVerdict {
  const dead = new Map(deaths.map((death) => [death.agentId, death]));
  const found = new Map<string, Report>();
  let [doubled, wrong] = [0, 0];
  for (const report of reports) {
    const death = dead.get(report.agentId);
    if (!death || report.at < death.at) wrong += 1;
    else if (found.has(report.agentId)) doubled += 1;
    else found.set(report.agentId, report);
  }
  const waits = [...found.values()].map(({ agentId, at }) => {
    const from = dead.get(agentId)?.at ?? at;
    return { took: at - from, unseen: overlap({ from, to: at }, blind) };
  });
  return {
    killed: deaths.length,
    reported: found.size,
    missed: deaths.length - found.size,
    doubled,
    false: wrong,
    latency: latencyOf(waits.filter(({ unseen }) => unseen === 0).map(({ took }) => took)),
    covered: latencyOf(waits.map(({ took, unseen }) => took - unseen)),
    delayed: waits.filter(({ unseen }) => unseen > 0).length,
  };
}

function overlap(wait: Blind, blind: readonly Blind[]): number {
  return blind.reduce((sum, { from, to }) => {
    return sum + Math.max(0, Math.min(wait.to, to) - Math.max(wait.from, from));
  }, 0);
}

function latencyOf(took: readonly number[]): Latency {
  const sorted = took.map((ms) => Math.round(ms / 100) / 10).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  const histogram: Record<string, number> = {};
  for (const seconds of sorted) {
    const from = Math.floor(seconds / 10) * 10;
    histogram[`${from}-${from + 10}`] = (histogram[`${from}-${from + 10}`] ?? 0) + 1;
  }
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), histogram };
}
