/**
 * Runs as a process of its own: puts, reads, rotates and locks, then looks for the values in all of its memory. What is
 * looked for is kept masked, so that the search does not find itself. Prints one JSON line.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { randomSecret, wipeableBuffer } from '@keyfleet/crypto';
import { systemClock } from '@keyfleet/platform';
import { SELF } from '../access/caller.js';
import { createVault } from './create.js';
import { fileKeyProvider } from './seal.js';

const MASK = 0xa5;
const [directory = ''] = process.argv.slice(2);
const collect = globalThis.gc as () => void;

function masked(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ MASK));
}

const PAGE = 4_096;
const OVERLAP = 64;
const ZEROS = Buffer.alloc(PAGE);

/** How often any of the masked needles stands in this process's memory. */
function hits(needles: readonly Buffer[]): number {
  const first = new Uint8Array(65_536);
  for (const needle of needles) first[needle.readUInt16LE(0)] = 1;
  const memory = openSync('/proc/self/mem', 'r');
  const chunk = Buffer.alloc((1 << 20) + OVERLAP);
  let found = 0;
  for (const { start, end } of writable()) {
    // Chunks overlap, so that nothing hides on a border.
    for (let at = start; at < end; at += 1 << 20) {
      const length = readAt(memory, chunk, at, Math.min(chunk.length, end - at));
      for (let page = 0; page < length; page += PAGE) {
        if (chunk.subarray(page, page + PAGE).equals(ZEROS)) continue;
        found += inPage(chunk.subarray(page, Math.min(page + PAGE + 31, length)), first, needles);
      }
    }
  }
  chunk.fill(0);
  closeSync(memory);
  return found;
}

function inPage(page: Buffer, first: Uint8Array, needles: readonly Buffer[]): number {
  let found = 0;
  for (let offset = 0; offset + 32 <= page.length; offset += 1) {
    const start = ((page[offset] as number) | ((page[offset + 1] as number) << 8)) ^ 0xa5a5;
    if (first[start] === 1 && needles.some((needle) => matches(page, offset, needle))) found += 1;
  }
  return found;
}

function writable(): { start: number; end: number }[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, start = '', end = '', rights = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (!rights.startsWith('rw')) return [];
    return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }];
  });
}

function matches(chunk: Buffer, offset: number, needle: Buffer): boolean {
  for (let at = 0; at < needle.length; at += 1)
    if (((chunk[offset + at] as number) ^ MASK) !== needle[at]) return false;
  return true;
}

function readAt(file: number, into: Buffer, position: number, length: number): number {
  try {
    return readSync(file, into, 0, length, position);
  } catch {
    // Guard pages and the like cannot be read.
    return 0;
  }
}

const agent = createVault({
  file: join(directory, 'vault.db'),
  clock: systemClock,
  hashPaths: false,
  onFailure: (error) => {
    throw error;
  },
});
await agent.unseal(({ storage }) => fileKeyProvider(storage, join(directory, 'master.key')));

const kept = wipeableBuffer(32);
const needles: Buffer[] = [];
for (let n = 0; n < 20; n += 1) {
  const value = randomSecret(32);
  needles.push(masked(value));
  await agent.vault.put(SELF, { path: `team/${n}`, value });
  if (n === 0) value.copy(kept);
  value.fill(0);
  const read = await agent.vault.value(SELF, `team/${n}`);
  read.value.fill(0);
  await agent.vault.put(SELF, { path: `team/${n}`, value: Buffer.alloc(8) });
  await agent.vault.rollback(SELF, { path: `team/${n}`, version: 1 });
}
await agent.rotation.rotate(SELF);
await agent.rotation.idle();
const key = wipeableBuffer(32);
const keyFile = openSync(join(directory, 'master.key'), 'r');
readSync(keyFile, key);
closeSync(keyFile);
needles.push(masked(key));
key.fill(0);

const control = hits(needles.slice(0, 1));
kept.fill(0);
await agent.lock();
for (let n = 0; n < 5; n += 1) collect();
const left = hits(needles);
process.stdout.write(`${JSON.stringify({ control, left })}\n`);
await agent.close();
