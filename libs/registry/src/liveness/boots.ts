/** One run of an agent process, as its beats show it. Times are milliseconds of server receive time. */
export interface Boot {
  readonly id: string;
  /** Highest seen; beats at or below it are ignored. */
  readonly counter: number;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
}

/** The boots that beat under one agent's identity. */
export interface Boots {
  /** Whose beats count now. */
  readonly current: Boot | null;
  /** Those before it, the latest first. */
  readonly others: readonly Boot[];
  /** How often a boot came back after another had taken its place, and when last. */
  readonly returns: number;
  readonly returnedAt: number | null;
  /** Last sign of a suspicion already told of. */
  readonly suspectedAt: number | null;
}

export const NO_BOOTS: Boots = {
  current: null,
  others: [],
  returns: 0,
  returnedAt: null,
  suspectedAt: null,
};

export interface Sighting {
  readonly bootId: string;
  readonly counter: number;
  readonly receivedAt: number;
}

/**
 * `first`, `beat`, `restart` and `return` are signs of life. `stale` was seen before or overtaken; `late` is what a
 * boot sent just before the next one replaced it.
 */
export type Sight = 'first' | 'beat' | 'restart' | 'return' | 'stale' | 'late';

export interface Observation {
  readonly sight: Sight;
  readonly boots: Boots;
  /** Boot ids that alternate, the first time they are found to. */
  readonly suspects: readonly string[] | null;
}

/** The broker keeps nothing, so a message is underway for seconds at most. */
export const LATE_MS = 10_000;
/** Two live processes are told from an unlucky restart by coming back more than once within this time. */
const ALTERNATION_MS = 10 * 60_000;
const RETURNS_OF_A_CLONE = 2;
const KEPT_BOOTS = 7;

export function isAlive(sight: Sight): boolean {
  return sight !== 'stale' && sight !== 'late';
}

/** Whether two processes have been beating under this identity lately; what either says of itself is then in doubt. */
export function isSuspected({ suspectedAt }: Boots, now: number): boolean {
  return suspectedAt !== null && now - suspectedAt <= ALTERNATION_MS;
}

/** What one beat says about an agent, given its boots so far. Only order of arrival and receive time count. */
export function observe(boots: Boots, beat: Sighting): Observation {
  const { current } = boots;
  if (!current) return { sight: 'first', boots: { ...boots, current: started(beat) }, suspects: null };
  if (current.id === beat.bootId) return beatOfCurrent(boots, current, beat);
  const earlier = boots.others.find(({ id }) => id === beat.bootId);
  return earlier ? beatOfEarlier(boots, current, earlier, beat) : restart(boots, current, beat);
}

function started({ bootId, counter, receivedAt }: Sighting): Boot {
  return { id: bootId, counter, firstSeenAt: receivedAt, lastSeenAt: receivedAt };
}

function seen(boot: Boot, beat: Sighting): Boot {
  return { ...boot, counter: beat.counter, lastSeenAt: Math.max(boot.lastSeenAt, beat.receivedAt) };
}

function beatOfCurrent(boots: Boots, current: Boot, beat: Sighting): Observation {
  if (beat.counter <= current.counter) return { sight: 'stale', boots, suspects: null };
  return { sight: 'beat', boots: { ...boots, current: seen(current, beat) }, suspects: null };
}

function restart(boots: Boots, current: Boot, beat: Sighting): Observation {
  const others = [current, ...boots.others].slice(0, KEPT_BOOTS);
  const next = { ...boots, current: started(beat), others, returns: 0, returnedAt: null };
  return { sight: 'restart', boots: next, suspects: null };
}

function beatOfEarlier(boots: Boots, current: Boot, earlier: Boot, beat: Sighting): Observation {
  if (beat.counter <= earlier.counter) return { sight: 'stale', boots, suspects: null };
  const boot = seen(earlier, beat);
  const rest = boots.others.filter(({ id }) => id !== boot.id);
  if (beat.receivedAt - current.firstSeenAt <= LATE_MS)
    return { sight: 'late', boots: { ...boots, others: [boot, ...rest] }, suspects: null };
  return back({ ...boots, current: boot, others: [current, ...rest] }, beat.receivedAt);
}

/** `boots.current` has just come back from among the others. */
function back(boots: Boots, now: number): Observation {
  const recently = (at: number | null): at is number => at !== null && now - at <= ALTERNATION_MS;
  const returns = recently(boots.returnedAt) ? boots.returns + 1 : 1;
  const alternates = returns >= RETURNS_OF_A_CLONE;
  const told = recently(boots.suspectedAt);
  const next: Boots = {
    ...boots,
    returns,
    returnedAt: now,
    suspectedAt: alternates ? now : boots.suspectedAt,
  };
  const alive = [next.current, ...next.others].filter((boot) => boot && recently(boot.lastSeenAt));
  const suspects = alternates && !told ? alive.map((boot) => (boot as Boot).id) : null;
  return { sight: 'return', boots: next, suspects };
}
