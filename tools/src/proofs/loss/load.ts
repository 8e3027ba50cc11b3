import { setTimeout as delay } from 'node:timers/promises';
import { askAgent } from '../../e2e/client.js';
import type { RunFile } from '../../launcher/run-file.js';

type Agent = RunFile['agents'][number];

export interface LoadOptions {
  /** As the run file has it now: a restarted agent may be found elsewhere. */
  readonly agent: () => Agent;
  readonly entries: number;
  /** Spread over so long. */
  readonly overMs: number;
  readonly random: () => number;
}

const WRITERS = 4;
const GIVE_UP_MS = 120_000;

/**
 * Writes secrets at one agent, each of which is one journal entry, and keeps what its API confirmed, as
 * `path@version`. A write whose answer got lost is made again, on a path of its own.
 */
export async function writeSecrets(options: LoadOptions): Promise<string[]> {
  const confirmed: string[] = [];
  const started = performance.now();
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let n = next++; n < options.entries; n = next++) {
      const due = started + (n / options.entries) * options.overMs;
      await delay(Math.max(0, due - performance.now()));
      confirmed.push(await write(options, n));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return confirmed;
}

async function write({ agent, random }: LoadOptions, n: number): Promise<string> {
  const value = Buffer.from(`value ${n} ${random()}`).toString('base64');
  const until = performance.now() + GIVE_UP_MS;
  for (let attempt = 0; ; attempt += 1) {
    const path = `proof/loss/${n}-${attempt}`;
    const answer = await askAgent(agent(), 'PUT', `/secrets/${path}`, { value }).catch(() => undefined);
    if (answer?.status === 201 || answer?.status === 200)
      return `${path}@${(answer.body as { version: number }).version}`;
    if (performance.now() > until)
      throw new Error(`An agent answered ${answer?.status ?? 'nothing'} for ${GIVE_UP_MS} ms.`);
    await delay(100);
  }
}
