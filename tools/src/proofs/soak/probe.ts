import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapSpaceStatistics } from 'node:v8';

/** What one process holds, looked at from inside, right after its garbage was collected. */
export interface Sample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly rss: number;
  /** Of RSS what is no file's: without the pages of programs, which become resident as they are first touched. */
  readonly anonymous: number;
  /** Bytes of data that are reachable: the heap and what it holds outside, without compiled code. */
  readonly live: number;
  readonly descriptors: number;
  readonly timers: number;
  readonly sockets: number;
}

/** Notes a sample every so often in a file of its own, for as long as the process lives; needs `--expose-gc`. */
export function startProbe(directory: string, everyMs: number): void {
  const file = join(directory, `${process.pid}.jsonl`);
  const note = (): void => appendFileSync(file, `${JSON.stringify(take())}\n`);
  setInterval(note, everyMs).unref();
}

function take(): Sample {
  (globalThis as { gc?: () => void }).gc?.();
  const { rss, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  return {
    ...{ at: Date.now(), rss, live: data() + external, anonymous: anonymous() },
    descriptors: readdirSync('/proc/self/fd').length,
    timers: resources.filter((name) => name === 'Timeout').length,
    sockets: resources.filter((name) => name.startsWith('TCP')).length,
  };
}

function anonymous(): number {
  const [, kibibytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

/**
 * What V8 compiles grows for many minutes as rarer paths become warm, and shrinks as it is dropped again: in a launcher
 * that did nothing else, all growth between two heap snapshots was code. No leak of ours lies there.
 */
function data(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => !/code|trusted/.test(name));
  return spaces.reduce((sum, { space_used_size: used }) => sum + used, 0);
}

export function readSamples(directory: string, pid: number): Sample[] {
  const text = readFileSync(join(directory, `${pid}.jsonl`), 'utf8');
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf('\n')).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Sample);
}
