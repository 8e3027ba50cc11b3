import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { event } from '../contract/fixture.contract.js';
import { sharedFixture } from './fixture.contract.js';

const MEBIBYTE = 1024 * 1024;
const EVENTS = 40_000;
const PER_APPEND = 400;
/** 2 KB each: a reader that held what it has not given would hold 80 MB. */
const PADDING = 'x'.repeat(2_000);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Twice: what the first round found dead is given back beside the program, and counts until the second waits for it. */
function heap(): number {
  collect();
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return (heapUsed + external + arrayBuffers) / MEBIBYTE;
}

describe('a slow consumer', () => {
  const openFixture = sharedFixture();

  it('F20: of a long backlog holds a batch of it and no more', async () => {
    const { store, close } = await openFixture();
    for (let at = 0; at < EVENTS; at += PER_APPEND)
      await store.append(
        `backlog-${at}`,
        'no-stream',
        Array.from({ length: PER_APPEND }, () => ({ ...event(), data: { padding: PADDING } })),
      );
    const abort = new AbortController();
    const before = heap();
    const heaps: number[] = [];
    let seen = 0;
    for await (const batch of store.subscribe({ signal: abort.signal, bufferSize: 500 })) {
      seen += batch.filter(({ kind }) => kind === 'event').length;
      // A tenth of the speed it could have.
      await delay(20);
      if (heaps.length * 4_000 < seen) heaps.push(heap() - before);
      if (seen >= EVENTS) break;
    }
    abort.abort();
    expect(seen).toBe(EVENTS);
    expect(heaps.length).toBeGreaterThan(8);
    expect(Math.max(...heaps)).toBeLessThan(20);
    await close();
  }, 120_000);
});
