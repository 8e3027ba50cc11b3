import { wipeableBuffer } from '@keyfleet/crypto';

const LETTERS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 0x3d;
const NONE = 0xff;
const SIXES = Buffer.alloc(256, NONE);
for (const [six, letter] of LETTERS.entries()) SIXES[letter] = six;

/** Base64 (standard alphabet, padded) from bytes to bytes: Node's own makes a string of a value, which nobody can wipe. */
export function encodeBase64(bytes: Buffer): Buffer {
  const out = wipeableBuffer(Math.ceil(bytes.length / 3) * 4).fill(PAD);
  for (let at = 0, to = 0; at < bytes.length; at += 3, to += 4) {
    const left = bytes.length - at;
    const three =
      ((bytes[at] as number) << 16) |
      ((left > 1 ? (bytes[at + 1] as number) : 0) << 8) |
      (left > 2 ? (bytes[at + 2] as number) : 0);
    out[to] = LETTERS[three >> 18] as number;
    out[to + 1] = LETTERS[(three >> 12) & 63] as number;
    if (left > 1) out[to + 2] = LETTERS[(three >> 6) & 63] as number;
    if (left > 2) out[to + 3] = LETTERS[three & 63] as number;
  }
  return out;
}

/** `undefined` for anything but padded standard base64 in its one canonical form. */
export function decodeBase64(text: Buffer): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.at(-1) !== PAD ? 0 : text.at(-2) !== PAD ? 1 : 2;
  const out = wipeableBuffer((text.length / 4) * 3 - padding);
  const letters = text.length - padding;
  let to = 0;
  let bits = 0;
  let held = 0;
  for (let at = 0; at < letters; at += 1) {
    const six = SIXES[text[at] as number] as number;
    if (six === NONE) return wiped(out);
    held = ((held << 6) | six) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[to++] = (held >> bits) & 0xff;
  }
  // Bits that no byte came of must be zero, or two texts would mean the same.
  return (held & ((1 << bits) - 1)) === 0 ? out : wiped(out);
}

function wiped(out: Buffer): undefined {
  out.fill(0);
  return undefined;
}
