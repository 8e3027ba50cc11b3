import { setTimeout as delay } from 'node:timers/promises';
import type { Client, EventRow } from '../../e2e/client.js';
import { MARKED } from './fill.js';

export interface Read {
  readonly at: number;
  readonly ms: number;
  /** What the rows said; empty where the read failed. */
  readonly marks: readonly string[];
}

export interface Reads {
  readonly reads: number;
  readonly failed: number;
  /** Answers with rows of before and of after. */
  readonly mixed: number;
  /** Answers of before that came after one of after had ended. */
  readonly wentBack: number;
  readonly p50: number;
  readonly p99: number;
  /** The longest of those under way when the first answer of after came. */
  readonly switchMs: number;
}

const READERS = 4;
const BETWEEN_MS = 20;

/** Signed-in users at the public API, over and over, until the signal. */
export async function readAlong(client: Client, org: string, signal: AbortSignal): Promise<Read[]> {
  const reads: Read[] = [];
  const paths = [
    `/api/v1/orgs/${org}/events?type=${MARKED}&limit=60`,
    `/api/v1/orgs/${org}/events?type=${MARKED}&limit=60`,
    `/api/v1/orgs/${org}/events?limit=50`,
    `/api/v1/orgs/${org}/agents?limit=50`,
  ];
  const read = async (n: number): Promise<void> => {
    for (let turn = n; !signal.aborted; turn += 1) {
      reads.push(await readOnce(client, paths[turn % paths.length] ?? ''));
      await delay(BETWEEN_MS);
    }
  };
  await Promise.all(Array.from({ length: READERS }, (_, n) => read(n)));
  return reads;
}

async function readOnce(client: Client, path: string): Promise<Read> {
  const at = performance.now();
  const marked = path.includes(MARKED);
  try {
    const { items } = await client.get<{ items: EventRow[] }>(path);
    const marks = marked ? [...new Set(items.map(({ data }) => String(data.mark)))] : ['other'];
    return { at, ms: performance.now() - at, marks };
  } catch {
    return { at, ms: performance.now() - at, marks: [] };
  }
}

/** Whether an answer stands for the rows of before, of after, or for both at once. */
export function judgeReads(all: readonly Read[]): Reads {
  const reads = [...all].sort((a, b) => a.at - b.at);
  const isNew = ({ marks }: Read): boolean => marks.length === 1 && marks[0] === 'new';
  const isOld = ({ marks }: Read): boolean => marks.length === 1 && marks[0] === 'old';
  const firstNew = reads
    .filter(isNew)
    .reduce((end, { at, ms }) => Math.min(end, at + ms), Number.POSITIVE_INFINITY);
  const atSwitch = reads.filter(({ at, ms }) => at <= firstNew && at + ms >= firstNew - BETWEEN_MS);
  const times = reads.map(({ ms }) => ms).sort((a, b) => a - b);
  const quantile = (share: number): number =>
    Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10;
  return {
    reads: reads.length,
    failed: reads.filter(({ marks }) => marks.length === 0).length,
    mixed: reads.filter(({ marks }) => marks.length > 1).length,
    wentBack: reads.filter((read) => isOld(read) && read.at > firstNew).length,
    p50: quantile(0.5),
    p99: quantile(0.99),
    switchMs: Math.round(Math.max(0, ...atSwitch.map(({ ms }) => ms))),
  };
}
