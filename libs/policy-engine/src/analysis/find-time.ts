import { compare } from '../condition/reduce-time.js';
import { wallClock } from '../condition/zone.js';
import type { Literal } from './literals.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Zones that put their clocks forward and back do so within a year; the second shows what the first cut off. */
const YEARS_MS = 2 * 366 * DAY_MS;
/** A day more than a week: it begins in the middle of a day. */
const WEEK_MS = 8 * DAY_MS;

/**
 * A moment, at or after `now` where there is one, for which all of these have their answers. While no clock is put
 * forward or back, clocks repeat every week; so a week is looked through from now, from every moment that is named and
 * from every change of a clock within two years after these, and before the first of them. Within a week it is enough
 * to look at moments at which any answer may change.
 */
export function findTime(literals: readonly Literal[], now: number): number | undefined {
  const holds = (at: number): boolean =>
    literals.every(({ question, holds: wanted }) => {
      if (question.kind === 'instant') return compare(question.comparison, at, question.at) === wanted;
      if (question.kind === 'weekday')
        return question.days.includes(wallClock(question.zone, at).weekday) === wanted;
      if (question.kind === 'clock')
        return compare(question.comparison, wallClock(question.zone, at).minute, question.minute) === wanted;
      return true;
    });
  const named = literals.flatMap(({ question }) =>
    question.kind === 'instant' ? [question.at, question.at + 1] : [],
  );
  const zones = zonesOf(literals);
  if (zones.size === 0) return [now, ...named, ...named.map((at) => at - 2)].find(holds);
  for (const anchor of anchorsOf([now, ...named], [...zones.keys()]))
    for (const at of moments(anchor, zones)) if (holds(at)) return at;
  return undefined;
}

/** Where a week begins that may be unlike the others, the likeliest first. */
function anchorsOf(begins: readonly number[], zones: readonly string[]): Set<number> {
  const anchors = new Set(begins);
  const changesFrom = (begin: number): number[] => zones.flatMap((zone) => changesOf(zone, begin));
  for (const begin of begins) for (const at of changesFrom(begin)) anchors.add(at);
  // What lies before everything that is named repeats too, and its clocks were put forward and back.
  const earliest = Math.min(...begins);
  anchors.add(earliest - WEEK_MS);
  if (begins.length > 1) for (const at of changesFrom(earliest - YEARS_MS)) anchors.add(at - WEEK_MS).add(at);
  return anchors;
}

/** Minutes of the day at which an answer may change, for each zone. */
function zonesOf(literals: readonly Literal[]): Map<string, Set<number>> {
  const zones = new Map<string, Set<number>>();
  for (const { question } of literals) {
    if (question.kind !== 'weekday' && question.kind !== 'clock') continue;
    const minutes = zones.get(question.zone) ?? new Set([0]);
    if (question.kind === 'clock') {
      if (question.minute < 1_440) minutes.add(question.minute);
      if (question.minute + 1 < 1_440) minutes.add(question.minute + 1);
    }
    zones.set(question.zone, minutes);
  }
  return zones;
}

/** The moments of a week from the anchor at which any answer may change, the anchor itself first. */
function* moments(anchor: number, zones: ReadonlyMap<string, ReadonlySet<number>>): Generator<number> {
  yield anchor;
  for (const [zone, minutes] of zones) {
    const begin = Math.ceil(anchor / MINUTE_MS) * MINUTE_MS;
    const since = wallClock(zone, begin).minute;
    for (const minute of minutes)
      for (let day = 0; day * DAY_MS < WEEK_MS; day++)
        yield begin + ((minute - since + 1_440) % 1_440) * MINUTE_MS + day * DAY_MS;
  }
}

const changes = new Map<string, readonly number[]>();

/** When the zone's clocks are changed, in the two years from a moment; to the minute. */
function changesOf(zone: string, from: number): readonly number[] {
  const day = Math.floor(from / DAY_MS) * DAY_MS;
  const key = `${zone} ${day}`;
  const known = changes.get(key);
  if (known) return known;
  const found: number[] = [];
  for (let at = day; at < day + YEARS_MS; at += DAY_MS)
    if (offset(zone, at) !== offset(zone, at + DAY_MS)) found.push(changeWithin(zone, at, at + DAY_MS));
  if (changes.size > 1_000) changes.clear();
  changes.set(key, found);
  return found;
}

function changeWithin(zone: string, before: number, after: number): number {
  let [low, high] = [before, after];
  while (high - low > MINUTE_MS) {
    const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
    if (offset(zone, middle) === offset(zone, before)) low = middle;
    else high = middle;
  }
  return high;
}

/** How far the zone's clock is from UTC's, as minutes of a day. */
function offset(zone: string, at: number): number {
  const utc = Math.floor((at % DAY_MS) / MINUTE_MS);
  return (wallClock(zone, at).minute - utc + 1_440) % 1_440;
}
