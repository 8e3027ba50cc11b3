import { type Firing, isOnline, type Sight } from '../detection/observer.js';

/** A fact of the store, as far as it is judged. Times are milliseconds. */
export type Fact =
  | { readonly type: 'DetectionPaused'; readonly since: number; readonly reason: string }
  | { readonly type: 'DetectionResumed'; readonly pausedAt: number; readonly resumedAt: number }
  | { readonly type: 'AgentWentOffline' };

/** One fault and what was seen of it. All times are test time in milliseconds, and the clock of nobody stepped. */
export interface Episode {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** When everything was as before again. */
  readonly normalAt: number;
  /** By how much the clocks that facts are dated with are off after it. */
  readonly offAfter: number;
  /** By how much the clock of whoever tells of the pause may be behind, and the pause then begins too early. */
  readonly tellerBehind: number;
  readonly facts: readonly Fact[];
  readonly sights: readonly Sight[];
  readonly firings: readonly Firing[];
  /** From when on nobody may be shown an agent as online; null where it ends before anybody would have to see. */
  readonly blindAfterMs: number | null;
  /** Whether detection may see again before it is over, because what hangs was let go of. */
  readonly mayEndEarly: boolean;
}

export interface Verdict {
  readonly fault: string;
  readonly wrong: readonly string[];
  readonly offline: number;
  readonly pauses: number;
  readonly reason: string | undefined;
  /** Seconds of test time. */
  readonly pausedAfter: number | undefined;
  readonly firedAfter: number | undefined;
  readonly unknownAfter: { readonly rest: number | undefined; readonly graphql: number | undefined };
  readonly normalAfter: number;
}

const ALERT = 'KeyfleetDetectionBlind';
const FIRED_WITHIN_MS = 60_000;
const NORMAL_WITHIN_MS = 120_000;
/** A pause begins at the last proof before the fault: a look, its interval and what a loaded machine adds. */
const TRUE_WITHIN_MS = 20_000;
const seconds = (ms: number): number => Math.round(ms / 100) / 10;

/** What of the promise of honest blindness this fault broke. */
export function judge(episode: Episode): Verdict {
  const { facts, from, to, normalAt } = episode;
  const paused = facts.filter((fact) => fact.type === 'DetectionPaused');
  const offline = facts.filter(({ type }) => type === 'AgentWentOffline').length;
  const fired = episode.firings.find(({ name }) => name === ALERT)?.at;
  const unknown = (via: Sight['via']) =>
    episode.sights.find((sight) => sight.via === via && sight.states.includes('unknown'))?.at;
  const after = (at: number | undefined) => (at === undefined ? undefined : seconds(at - from));
  const wrong = [
    ...(offline > 0 ? [`${offline} agents reported offline`] : []),
    ...wrongFacts(episode),
    ...wrongAlerts(episode, fired),
    ...wrongSights(episode),
    ...(normalAt - to > NORMAL_WITHIN_MS ? ['not normal within 120 s'] : []),
  ];
  return {
    fault: episode.name,
    wrong,
    offline,
    pauses: paused.length,
    reason: paused[0]?.reason,
    pausedAfter: after(paused[0]?.since),
    firedAfter: after(fired),
    unknownAfter: { rest: after(unknown('rest')), graphql: after(unknown('graphql')) },
    normalAfter: seconds(normalAt - to),
  };
}

function wrongFacts(episode: Episode): readonly string[] {
  const { facts, from, tellerBehind } = episode;
  const [paused, ...morePaused] = facts.filter((fact) => fact.type === 'DetectionPaused');
  const [resumed, ...moreResumed] = facts.filter((fact) => fact.type === 'DetectionResumed');
  if (!paused || !resumed || morePaused.length + moreResumed.length > 0) {
    const count = (type: Fact['type']): number => facts.filter((fact) => fact.type === type).length;
    return [`${count('DetectionPaused')} pauses and ${count('DetectionResumed')} resumptions`];
  }
  const late = paused.since - from;
  return [
    ...([late, late + tellerBehind].every((off) => Math.abs(off) > TRUE_WITHIN_MS)
      ? [`paused ${seconds(late)} s after the fault`]
      : []),
    ...(resumed.pausedAt === paused.since ? [] : ['the two do not agree since when']),
    ...wrongResumption(episode),
  ];
}

function wrongResumption(episode: Episode): readonly string[] {
  const { from, to, normalAt, mayEndEarly } = episode;
  const until = resumption(episode) ?? 0;
  const earliest = mayEndEarly ? from : to - TRUE_WITHIN_MS;
  const isTrue = until >= earliest && until <= normalAt + TRUE_WITHIN_MS;
  return isTrue ? [] : [`resumed ${seconds(until - to)} s after the return`];
}

function wrongAlerts(
  { firings, from, blindAfterMs, to }: Episode,
  fired: number | undefined,
): readonly string[] {
  const others = [...new Set(firings.map(({ name }) => name))].filter((name) => name !== ALERT);
  const told = others.map((name) => `${name} fired, too`);
  if (blindAfterMs === null || to - from < FIRED_WITHIN_MS) return told;
  if (fired === undefined) return [...told, `${ALERT} did not fire`];
  return fired - from > FIRED_WITHIN_MS ? [...told, `${ALERT} fired after ${seconds(fired - from)} s`] : told;
}

function resumption({ facts, offAfter }: Episode): number | undefined {
  const resumed = facts.find((fact) => fact.type === 'DetectionResumed');
  return resumed && resumed.resumedAt - offAfter;
}

/** While nobody sees, an agent may be unknown or the question refused, and nothing else. */
function wrongSights(episode: Episode): readonly string[] {
  const { sights, from, blindAfterMs } = episode;
  if (blindAfterMs === null) return [];
  const until = Math.min(episode.to, resumption(episode) ?? episode.to);
  const wrong: string[] = [];
  for (const via of ['rest', 'graphql'] as const) {
    const mine = sights.filter((sight) => sight.via === via);
    if (!mine.some(({ states }) => states.includes('unknown'))) wrong.push(`never unknown through ${via}`);
    const blind = mine.filter(({ at }) => at > from + blindAfterMs && at < until);
    const shown = blind.filter((sight) => isOnline(sight) || sight.states.includes('offline'));
    if (shown.length > 0)
      wrong.push(`${shown.length} of ${blind.length} answers knew a state through ${via}`);
  }
  return wrong;
}
