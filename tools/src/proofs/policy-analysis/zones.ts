/** From this moment on (minutes since 1970) a zone's clocks are so many minutes ahead of UTC. */
export interface Stretch {
  readonly from: number;
  readonly ahead: number;
}

const DAY = 1_440;
const MINUTE_MS = 60_000;
/** The time the proofs look at. */
export const FIRST_DAY = Date.UTC(2025, 0, 1) / (DAY * MINUTE_MS);
export const LAST_DAY = Date.UTC(2029, 0, 1) / (DAY * MINUTE_MS);

const known = new Map<string, readonly Stretch[]>();

/** How a zone's clocks stand from FIRST_DAY to LAST_DAY, by what the zone database calls its offset (`GMT+05:45`). */
export function stretchesOf(zone: string): readonly Stretch[] {
  const made = known.get(zone) ?? [...look(zone)];
  known.set(zone, made);
  return made;
}

function* look(zone: string): Generator<Stretch> {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const aheadAt = (minute: number): number => {
    const name = format.formatToParts(minute * MINUTE_MS).find(({ type }) => type === 'timeZoneName')?.value;
    const [, sign = '+', hours = '0', minutes = '0'] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name ?? '') ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
  let ahead = aheadAt(FIRST_DAY * DAY);
  yield { from: FIRST_DAY * DAY, ahead };
  for (let at = FIRST_DAY * DAY; at < LAST_DAY * DAY; at += DAY) {
    if (aheadAt(at + DAY) === ahead) continue;
    let from = at;
    while (aheadAt(from) === ahead) from += 1;
    ahead = aheadAt(from);
    yield { from, ahead };
  }
}

/** What a clock on the wall shows. */
export function clockAt(zone: string, at: number): { readonly minute: number; readonly weekday: number } {
  const utc = Math.floor(at / MINUTE_MS);
  const stretch = stretchesOf(zone).findLast(({ from }) => from <= utc);
  if (!stretch) throw new RangeError(`${new Date(at).toISOString()} is before the proof's time`);
  const local = utc + stretch.ahead;
  // 1 January 1970 was a Thursday.
  return { minute: local % DAY, weekday: (Math.floor(local / DAY) + 4) % 7 };
}
