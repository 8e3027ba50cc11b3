import { readFileSync, writeFileSync } from 'node:fs';

const CHUNK = 64 * 1024 + 16;

export interface Damage {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Where the chunks of an age file begin: behind its header and its nonce. */
export function chunksOf(whole: Buffer): number[] {
  const header = whole.indexOf('\n--- ') + 1;
  const starts: number[] = [];
  for (let at = whole.indexOf('\n', header) + 17; at < whole.length; at += CHUNK) starts.push(at);
  return starts;
}

/** A bit flipped in each of some chunks, cut off at each of some edges, two exchanged: each a damaged backup. */
export function* damagesOf(file: string, random: () => number, most: number): Generator<Damage> {
  const whole = readFileSync(file);
  const starts = chunksOf(whole);
  const some = starts.filter((_, n) => starts.length <= most || n === 0 || random() < most / starts.length);
  for (const start of some) {
    const bytes = Buffer.from(whole);
    const at = Math.min(start + Math.floor(random() * CHUNK), bytes.length - 1);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
    yield { name: `bit flipped at ${at}`, bytes };
    yield { name: `cut off at ${start}`, bytes: whole.subarray(0, start) };
  }
  const [first, second, third = whole.length] = starts;
  if (first === undefined || second === undefined) return;
  const parts = [
    whole.subarray(0, first),
    whole.subarray(second, third),
    whole.subarray(first, second),
    whole.subarray(third),
  ];
  yield { name: 'two chunks exchanged', bytes: Buffer.concat(parts) };
}

export function place(damage: Damage, file: string): void {
  writeFileSync(file, damage.bytes, { mode: 0o600 });
}
