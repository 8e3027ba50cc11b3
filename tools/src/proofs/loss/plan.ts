import { shuffled } from '../random.js';

/** Places in the life of a batch where ingest can be told to die; see KEYFLEET_FAILPOINTS. */
export const FAILPOINTS = [
  'ingest.received',
  'ingest.validated',
  'ingest.before-append',
  'ingest.after-append',
  'ingest.before-reply',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

export const SERVICES = ['registry', 'analytics', 'policy', 'notify', 'gateway'] as const;
export type ServiceTarget = (typeof SERVICES)[number];

/**
 * Everything dies by kill -9, but `postgres-immediate`, which is an immediate stop. `…-emptied` loses its directory,
 * `…-older` finds an earlier copy of it: what a power failure or a restored disk leaves.
 */
export type Target =
  | Failpoint
  | ServiceTarget
  | 'nats'
  | 'nats-emptied'
  | 'nats-older'
  | 'postgres'
  | 'postgres-immediate'
  | 'postgres-older'
  | 'redis'
  | 'agent'
  | 'agent-older';

/** Out of a thousand kills. */
export const WEIGHTS: Readonly<Record<Target, number>> = {
  'ingest.received': 55,
  'ingest.validated': 55,
  'ingest.before-append': 60,
  'ingest.after-append': 70,
  'ingest.before-reply': 60,
  registry: 130,
  analytics: 110,
  policy: 40,
  notify: 40,
  gateway: 45,
  nats: 70,
  'nats-emptied': 25,
  'nats-older': 25,
  postgres: 45,
  'postgres-immediate': 45,
  'postgres-older': 4,
  redis: 35,
  agent: 80,
  'agent-older': 6,
};

export interface Kill {
  readonly target: Target;
  /** A number to choose the agent by, where it is one. */
  readonly lot: number;
}

/**
 * So many kills in a seeded order: by weight, and every kind once where there are enough of them. One target after
 * the other takes the largest remainder, so that the counts are as near to the weights as whole numbers can be.
 */
export function planKills(
  kills: number,
  random: () => number,
  weights: Partial<Readonly<Record<Target, number>>> = WEIGHTS,
): Kill[] {
  const kinds = Object.entries(weights).filter(([, weight]) => weight > 0) as [Target, number][];
  const total = kinds.reduce((sum, [, weight]) => sum + weight, 0);
  const once = kills >= kinds.length ? 1 : 0;
  const given = kinds.map(([target, weight]) => ({
    target,
    due: (weight / total) * kills,
    count: Math.max(once, Math.floor((weight / total) * kills)),
  }));
  const most = () => given.reduce((a, b) => (b.due - b.count > a.due - a.count ? b : a));
  const spare = () => given.filter(({ count }) => count > once);
  const least = () => spare().reduce((a, b) => (b.due - b.count < a.due - a.count ? b : a));
  const sum = () => given.reduce((count, one) => count + one.count, 0);
  while (sum() < kills) most().count += 1;
  while (sum() > kills) least().count -= 1;
  const targets = given.flatMap(({ target, count }) => Array.from({ length: count }, () => target));
  return shuffled(targets, random).map((target) => ({ target, lot: random() }));
}
