/** A value over time; `at` in milliseconds. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export type Verdict = 'flat' | 'levels off' | 'grows' | 'not resolved';

/** How much a value grows, in percent of its median per hour, and between which bounds that lies with 95 %. */
export interface Slope {
  readonly median: number;
  readonly perHour: number;
  readonly from: number;
  readonly to: number;
  readonly verdict: Verdict;
}

const BLOCKS = 12;
const HOUR_MS = 3_600_000;
/** Of the normal distribution, for 95 %. */
const Z = 1.96;

/**
 * A robust fit: time is cut into blocks, of each the least value counts (what was being used for a moment is no leak),
 * and the slope is the median of those between all pairs of blocks (Theil–Sen). Its bounds come from the ranks of the
 * pairs, so neither an outlier nor the shape of the noise moves them much. It grows where even the lower bound is above
 * the limit, and is flat where even the upper is not. A leak does not tire: what grew above the limit, but no more in
 * the second half taken by itself, was filling up and levels off.
 */
export function slopeOf(points: readonly Point[], limitPerHour: number): Slope {
  const whole = fitOf(points);
  if (whole.from <= limitPerHour)
    return { ...whole, verdict: whole.to <= limitPerHour ? 'flat' : 'not resolved' };
  const later = fitOf(points.slice(points.length >> 1));
  return { ...whole, verdict: later.perHour > limitPerHour ? 'grows' : 'levels off' };
}

function fitOf(points: readonly Point[]): Omit<Slope, 'verdict'> {
  const blocks = minima(points);
  const values = blocks.map(({ value }) => value).sort((a, b) => a - b);
  const median = values[values.length >> 1] ?? 0;
  const slopes = pairs(blocks).map(([a, b]) => (b.value - a.value) / (b.at - a.at));
  slopes.sort((a, b) => a - b);
  const percent = (rank: number): number => {
    const slope = slopes[Math.max(0, Math.min(slopes.length - 1, Math.round(rank)))] ?? 0;
    return median === 0 ? 0 : (slope * HOUR_MS * 100) / median;
  };
  const n = blocks.length;
  const width = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const [from, to] = [percent((slopes.length - width) / 2), percent((slopes.length + width) / 2)];
  return { median, perHour: percent((slopes.length - 1) / 2), from, to };
}

function minima(points: readonly Point[]): Point[] {
  const size = Math.max(1, Math.ceil(points.length / BLOCKS));
  const blocks: Point[] = [];
  for (let at = 0; at < points.length; at += size) {
    const block = points.slice(at, at + size);
    blocks.push(block.reduce((least, point) => (point.value < least.value ? point : least)));
  }
  return blocks;
}

function pairs(points: readonly Point[]): (readonly [Point, Point])[] {
  return points.flatMap((a, index) => points.slice(index + 1).map((b) => [a, b] as const));
}

export interface Constancy {
  readonly earlier: number;
  readonly later: number;
  readonly constant: boolean;
}

/** Counts come and go with the work; what leaks makes the most of the second half exceed that of the first. */
export function constancyOf(points: readonly Point[]): Constancy {
  const middle = points.length >> 1;
  const most = (some: readonly Point[]): number => Math.max(0, ...some.map(({ value }) => value));
  const [earlier, later] = [most(points.slice(0, middle)), most(points.slice(middle))];
  return { earlier, later, constant: later <= earlier + Math.max(3, earlier * 0.05) };
}
