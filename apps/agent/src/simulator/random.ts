import { createHash } from 'node:crypto';

/** Numbers from 0 up to 1 drawn from a seed: the same parts give the same numbers (mulberry32). */
export function seededRandom(...parts: readonly (string | number)[]): () => number {
  let state = createHash('sha256').update(JSON.stringify(parts)).digest().readUInt32BE(0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** UUIDs (v8) of one seed: much cheaper than hashing, and as unique as two draws of 61 bits are. */
export function seededUuids(random: () => number): () => string {
  const bytes = (count: number) => {
    let text = '';
    for (let left = count; left > 0; left -= 1) text += HEX[Math.floor(random() * 256)];
    return text;
  };
  const stem = `${bytes(4)}-${bytes(2)}-8${bytes(2).slice(1)}-a${bytes(2).slice(1)}`;
  let count = 0;
  return () => {
    count += 1;
    return `${stem}-${count.toString(16).padStart(12, '0')}`;
  };
}
