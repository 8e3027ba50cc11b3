import type { DetectionWorld } from '../detection/world.js';

/** Something of ours that fails, for a while of test time. */
export interface Fault {
  readonly name: string;
  readonly lastsMs: number;
  begin(): void;
  end(): void;
  /** By how much the registries' clocks are off for good after it. */
  readonly offAfter?: number;
  /** How far behind the clock is that a pause may be dated with: it is not known yet that it alone is wrong. */
  readonly tellerBehind?: number;
  /** As in an episode. */
  readonly blindAfterMs: number | null;
  readonly mayEndEarly?: boolean;
}

const HOUR = 3_600_000;
/** The tolerance, the look that notices and what a loaded machine adds. */
const NOTICED_MS = 25_000;
/** A row nobody has touched for so long says nothing; readers go by the database's own, real clock. */
const UNTOUCHED_REAL_MS = 21_000;
const STEPPED_MS = 120_000;

/** Everything the registry needs to see agents, and the registry itself, each lost for so long; then the clocks. */
export function faultsOf(world: DetectionWorld, lostMs: number): readonly Fault[] {
  const { factor } = world.time;
  const hang = (what: 'nats' | 'postgres'): Pick<Fault, 'begin' | 'end'> => ({
    begin: () => world.signal(what, 'SIGSTOP'),
    end: () => world.signal(what, 'SIGCONT'),
  });
  const registries = (signal: 'SIGSTOP' | 'SIGCONT') => () => {
    for (const pid of world.registries()) world.signal(pid, signal);
  };
  const [, second] = world.registries();
  const step = (which: 'second' | 'both', ms: number) => () => world.step(which, ms);
  return [
    { name: 'broker lost', lastsMs: lostMs, ...hang('nats'), blindAfterMs: NOTICED_MS },
    {
      name: 'ingest lost',
      lastsMs: lostMs,
      begin: registries('SIGSTOP'),
      end: registries('SIGCONT'),
      blindAfterMs: UNTOUCHED_REAL_MS * factor + NOTICED_MS,
    },
    { name: 'PostgreSQL lost', lastsMs: lostMs, ...hang('postgres'), blindAfterMs: 0 },
    {
      name: 'one of two registries stalled',
      lastsMs: lostMs,
      begin: () => world.signal(second, 'SIGSTOP'),
      end: () => world.signal(second, 'SIGCONT'),
      blindAfterMs: NOTICED_MS,
      mayEndEarly: true,
    },
    ...[HOUR, -HOUR].map((off) => ({
      name: `one clock an hour ${off > 0 ? 'ahead' : 'behind'}`,
      lastsMs: STEPPED_MS,
      begin: step('second', off),
      end: step('second', 0),
      blindAfterMs: NOTICED_MS,
      tellerBehind: Math.max(0, -off),
    })),
    {
      name: 'every clock set forward by an hour',
      ...{ lastsMs: 0, begin: step('both', HOUR), end: () => {}, offAfter: HOUR, blindAfterMs: null },
    },
    {
      // A pause cannot have begun at a moment that is still to come: it is dated by the clock as it then is.
      name: 'every clock set back by an hour',
      ...{ lastsMs: 0, begin: step('both', 0), end: () => {}, blindAfterMs: null },
    },
  ];
}
