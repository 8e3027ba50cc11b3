import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Ran {
  readonly status: number | null;
  readonly result: Record<string, unknown>;
  readonly said: string;
  readonly seconds: number;
  /** The most memory it ever held, in MB. */
  readonly rssMb: number;
}

/** `npm run keyfleet -- …` in the folder of an installation. */
export async function keyfleet(directory: string, ...args: readonly string[]): Promise<Ran> {
  const started = performance.now();
  const script = join(process.cwd(), 'tools/dist/keyfleet.js');
  const child = spawn(process.execPath, [script, ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, said, rssMb] = ['', '', 0];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  const watching = setInterval(() => {
    rssMb = Math.max(rssMb, peakOf(child.pid ?? 0));
  }, 100);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watching);
  const last = out.trim().split('\n').at(-1) ?? '';
  const seconds = Math.round((performance.now() - started) / 10) / 100;
  return { status, said, seconds, rssMb, result: last.startsWith('{') ? JSON.parse(last) : {} };
}

function peakOf(pid: number): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Math.round(Number(line?.[1] ?? 0) / 1_024);
  } catch {
    return 0;
  }
}
