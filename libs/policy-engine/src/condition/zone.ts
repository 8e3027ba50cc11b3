/** The wall clock of a zone at a moment. */
export interface WallClock {
  /** 0 is Sunday. */
  readonly weekday: number;
  /** Since midnight, 0 to 1,439. */
  readonly minute: number;
}

const MINUTE_MS = 60_000;
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Whether it is a zone of the IANA database, such as `Europe/Zurich`, or `UTC`; offsets are none. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** Which minute since 1970 the clock below is of: within it no zone's clock changes. */
  minute: number;
  clock: WallClock;
}

const zones = new Map<string, Zone>();

/** Asks the zone database once a minute and zone: it takes a hundred times as long as everything else in a decision. */
export function wallClock(zone: string, at: number): WallClock {
  let known = zones.get(zone);
  const minute = Math.floor(at / MINUTE_MS);
  if (known?.minute === minute) return known.clock;
  if (!known) {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    zones.set(zone, (known = { format, minute: Number.NaN, clock: { weekday: 0, minute: 0 } }));
  }
  const parts = new Map(known.format.formatToParts(at).map(({ type, value }) => [type, value]));
  known.minute = minute;
  known.clock = {
    weekday: WEEKDAYS.indexOf(parts.get('weekday') ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
  return known.clock;
}
