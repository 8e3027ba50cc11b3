import { readFileSync } from 'node:fs';

/** As V8 writes it with `--cpu-prof`; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export function readProfile(file: string): CpuProfile {
  return JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
}

const ENTRY = /\/(?:apps|tools)\/(?:([a-z]+)\/)?dist\/((?:[\w-]+\/)*[\w-]+)\.js$/;

/** `registry-main`: the first file of ours that ran in it. */
export function processName({ nodes }: CpuProfile): string {
  for (const { callFrame } of nodes) {
    const [, app = 'tools', entry = ''] = ENTRY.exec(callFrame.url) ?? [];
    if (entry) return `${app}-${entry.replaceAll('/', '-')}`;
  }
  return 'node';
}

export interface Hot {
  /** Of the time in which the process was not idle. */
  readonly share: number;
  readonly where: string;
}

/** Where the time went, by the function that was running itself. */
export function hottest(
  { nodes, samples, timeDeltas }: CpuProfile,
  count: number,
): { readonly busySeconds: number; readonly functions: readonly Hot[] } {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    if (!frame || frame.functionName === '(idle)') continue;
    const file = frame.url.split('/').slice(-4).join('/');
    const where = `${frame.functionName || '(anonymous)'}  ${file}${file ? `:${frame.lineNumber + 1}` : ''}`;
    const micros = timeDeltas[index] ?? 0;
    spent.set(where, (spent.get(where) ?? 0) + micros);
    busy += micros;
  }
  const functions = [...spent]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([where, micros]) => ({ share: micros / busy, where }));
  return { busySeconds: busy / 1e6, functions };
}
