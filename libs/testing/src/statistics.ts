/**
 * Two-sample Kolmogorov-Smirnov: how likely two samples at least this different come from one distribution. Below 0.01
 * they hardly do; one pair in a hundred looks like that by chance.
 */
export function sameDistribution(a: readonly number[], b: readonly number[]): number {
  const all = [...a, ...b].sort((x, y) => x - y);
  const below = (sample: readonly number[], x: number) => sample.filter((value) => value <= x).length;
  const distance = Math.max(...all.map((x) => Math.abs(below(a, x) / a.length - below(b, x) / b.length)));
  const n = Math.sqrt((a.length * b.length) / (a.length + b.length));
  const lambda = (n + 0.12 + 0.11 / n) * distance;
  let p = 0;
  for (let k = 1; k <= 100; k += 1) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * k * k * lambda * lambda);
  return Math.min(1, Math.max(0, p));
}

/**
 * Takes the time of two kinds of work in turn and tells how likely both take the same; the best of three rounds, since
 * chance alone fails one in a hundred.
 */
export async function sameTiming(
  one: () => Promise<unknown>,
  other: () => Promise<unknown>,
  times: number,
): Promise<number> {
  let best = 0;
  for (let round = 0; round < 3 && best <= 0.01; round += 1) {
    const [ones, others]: [number[], number[]] = [[], []];
    for (let n = 0; n < times; n += 1) {
      ones.push(await millis(one));
      others.push(await millis(other));
    }
    best = Math.max(best, sameDistribution(ones, others));
  }
  return best;
}

async function millis(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
