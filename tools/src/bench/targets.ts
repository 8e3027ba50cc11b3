/** What has to hold: the figure itself, or its ratio to the anchor's. */
export interface Target {
  readonly of: 'figure' | 'ratio';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** The figures to reach, one to one with the table of the design; a name without a size holds at every size. */
export const TARGETS: Readonly<Record<string, Target>> = {
  append: { of: 'ratio', atLeast: 10 },
  'append-alone': { of: 'ratio', atLeast: 1 },
  'append-batch': { of: 'ratio', atLeast: 0.65 },
  ingest: { of: 'ratio', atLeast: 0.35 },
  'ingest-lag-p99': { of: 'figure', atMost: 2 },
  heartbeat: { of: 'figure', atLeast: 30_000 },
  'heartbeat-cpu': { of: 'figure', atMost: 0.25 },
  'gateway-read': { of: 'ratio', atLeast: 0.6 },
  'gateway-list': { of: 'ratio', atLeast: 0.6 },
  graphql: { of: 'ratio', atLeast: 0.6 },
  'gateway-p95': { of: 'figure', atMost: 100 },
  'agent-read': { of: 'figure', atLeast: 3_000 },
  'agent-read-p95': { of: 'figure', atMost: 20 },
  'decision@1000': { of: 'figure', atMost: 50 },
  'decision@10000': { of: 'figure', atMost: 200 },
  rebuild: { of: 'figure', atLeast: 20_000 },
  'start-first': { of: 'figure', atMost: 120 },
  'start-second': { of: 'figure', atMost: 30 },
};

export function targetOf(name: string): Target | undefined {
  return TARGETS[name] ?? TARGETS[name.slice(0, name.indexOf('@'))];
}

export function isMet(
  { of, atLeast, atMost }: Target,
  measured: { figure: number; ratio: number | null },
): boolean {
  const value = of === 'figure' ? measured.figure : (measured.ratio ?? Number.NaN);
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
}

/** As the table says it: `>= 10 x`, `<= 2 s`. */
export function describe({ of, atLeast, atMost }: Target, unit: string): string {
  const [sign, value] = atLeast === undefined ? ['<=', atMost] : ['>=', atLeast];
  return `${sign} ${value?.toLocaleString('en')} ${of === 'ratio' ? 'x' : unit}`;
}
