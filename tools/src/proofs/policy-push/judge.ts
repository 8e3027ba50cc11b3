import type { SimulatedAgent } from '@keyfleet/testing';

type Told = Pick<
  SimulatedAgent,
  'agentId' | 'connectedAt' | 'policy' | 'policiesApplied' | 'policyRefusals' | 'verdict'
>;

/** One publication. Moments are real milliseconds since the epoch. */
export interface PushRound {
  readonly answeredAt: number;
  readonly hash: string;
  /** What each is to answer to what it is asked. */
  readonly verdict: 'allowed' | 'denied';
  readonly connected: readonly Told[];
  /** Those that were away meanwhile, after their return. */
  readonly returned: readonly Told[];
}

/** In seconds. */
export interface Latency {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface RoundVerdict {
  /** From the answer to the publish request until an agent decides by it. */
  readonly connected: Latency;
  /** From an agent's connection on its return. */
  readonly returned: Latency;
  readonly wrong: readonly string[];
}

export interface PushLimits {
  readonly p99Seconds: number;
  readonly returnedSeconds: number;
}

export function judgeRound(round: PushRound, { p99Seconds, returnedSeconds }: PushLimits): RoundVerdict {
  const { answeredAt, hash, verdict, connected, returned } = round;
  const all = [...connected, ...returned];
  const latency = {
    connected: latencyOf(connected.flatMap(({ policy }) => since(policy?.appliedAt, answeredAt))),
    returned: latencyOf(returned.flatMap(({ policy, connectedAt }) => since(policy?.appliedAt, connectedAt))),
  };
  const count = (is: (agent: Told) => boolean) => all.filter(is).length;
  const [other, contrary, falling, untimed] = [
    count(({ policy }) => policy?.hash !== hash),
    count((agent) => agent.verdict !== verdict),
    count((agent) => !rises(agent.policiesApplied)),
    all.length - latency.connected.n - latency.returned.n,
  ];
  return {
    ...latency,
    wrong: said([
      [other > 0, `${other} agents do not decide by what was published`],
      [contrary > 0, `${contrary} agents do not answer as it says`],
      [falling > 0, `${falling} agents had versions that do not rise`],
      [untimed > 0, `of ${untimed} agents it is not known when they had it`],
      [latency.connected.p99 > p99Seconds, `p99 was ${latency.connected.p99} s`],
      [latency.returned.max > returnedSeconds, `one needed ${latency.returned.max} s after its return`],
    ]),
  };
}

/** What an attacker's message did to agents that were to refuse it with this code. */
export function judgeForgery(
  before: readonly Told[],
  after: readonly Told[],
  code: string,
): { readonly refused: number; readonly wrong: readonly string[] } {
  const known = new Map(before.map((agent) => [agent.agentId, agent]));
  const changed = after.filter((agent) => stateOf(agent) !== stateOf(known.get(agent.agentId))).length;
  const refused = after.filter((agent) => hasRefused(agent, known.get(agent.agentId), code)).length;
  return {
    refused,
    wrong: said([
      [after.length !== before.length, `${before.length - after.length} agents are gone`],
      [changed > 0, `${changed} agents changed what they decide by`],
      [refused < after.length, `${after.length - refused} agents did not refuse it`],
    ]),
  };
}

export function hasRefused({ policyRefusals }: Told, before: Told | undefined, code: string): boolean {
  return policyRefusals.count > (before?.policyRefusals.count ?? 0) && policyRefusals.last === code;
}

function stateOf(agent: Told | undefined): string {
  return JSON.stringify([agent?.policy, agent?.policiesApplied, agent?.verdict]);
}

export function rises(applied: Told['policiesApplied']): boolean {
  return applied.every(({ version }, index) => index === 0 || version > (applied[index - 1]?.version ?? 0));
}

export function said(found: readonly (readonly [boolean, string])[]): readonly string[] {
  return found.filter(([is]) => is).map(([, what]) => what);
}

function since(at: number | null | undefined, from: number | null): readonly number[] {
  // It may have come while the answer was still on its way.
  return at === null || at === undefined || from === null ? [] : [Math.max(0, at - from)];
}

function latencyOf(took: readonly number[]): Latency {
  const sorted = took.map((ms) => ms / 1_000).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
