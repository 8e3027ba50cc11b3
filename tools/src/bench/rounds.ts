/** Measures once and answers what it came to, per second or in milliseconds. */
export type Measure = () => Promise<number>;

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which this share of them lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Subject and anchor in turns, so that what else the machine does meets both alike; one turn of each beforehand is
 * not counted. Answers the median of each.
 */
export async function inTurns(
  rounds: number,
  subject: Measure,
  anchor: Measure,
): Promise<{ readonly figure: number; readonly anchorFigure: number }> {
  const figures: number[] = [];
  const anchors: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const [mine, other] = [await subject(), await anchor()];
    if (round === 0) continue;
    figures.push(mine);
    anchors.push(other);
  }
  return { figure: median(figures), anchorFigure: median(anchors) };
}

/** So many workers do the same over and over for so long; answers how often a second. */
export async function perSecond(
  options: { readonly workers: number; readonly ms: number; readonly each?: number },
  work: (worker: number) => Promise<unknown>,
): Promise<number> {
  const { workers, ms, each = 1 } = options;
  const started = performance.now();
  let done = 0;
  const run = async (worker: number): Promise<void> => {
    while (performance.now() - started < ms) {
      await work(worker);
      done += each;
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
  return (done * 1_000) / (performance.now() - started);
}
