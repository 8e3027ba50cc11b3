import type { PolicyReplay } from '@keyfleet/contracts/http';

type Flip = PolicyReplay['flips'][number];

export interface FlipGroup {
  readonly from: Flip['from'];
  readonly to: Flip['to'];
  readonly requests: number;
  readonly principals: number;
  /** Those of most requests first. */
  readonly flips: readonly Flip[];
}

/** What turns from allowed to denied first: somebody will notice that. */
const ORDER = ['allowed denied', 'denied allowed', 'allowed undecidable', 'denied undecidable'];

export function grouped(flips: readonly Flip[]): FlipGroup[] {
  const groups = new Map<string, Flip[]>();
  for (const flip of flips) {
    const key = `${flip.from} ${flip.to}`;
    groups.set(key, [...(groups.get(key) ?? []), flip]);
  }
  return ORDER.flatMap((key) => {
    const own = groups.get(key);
    const [first] = own ?? [];
    if (!own || !first) return [];
    return [
      {
        ...{ from: first.from, to: first.to },
        requests: own.reduce((sum, { requests }) => sum + requests, 0),
        principals: new Set(own.map(({ principal }) => principal)).size,
        flips: own.toSorted((one, other) => other.requests - one.requests),
      },
    ];
  });
}
