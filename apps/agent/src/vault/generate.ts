import { randomSecret, wipeableBuffer } from '@keyfleet/crypto';

export const ALPHABETS = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  hex: '0123456789abcdef',
  digits: '0123456789',
} as const;
export type Alphabet = keyof typeof ALPHABETS;

/** A random value of so many characters, each as likely as every other. Never a string. */
export function generateValue(length: number, alphabet: Alphabet): Buffer {
  const letters = Buffer.from(ALPHABETS[alphabet]);
  // Bytes beyond the last whole multiple would favour the first letters; they are thrown away.
  const fair = 256 - (256 % letters.length);
  const value = wipeableBuffer(length);
  for (let at = 0; at < length; ) {
    const random = randomSecret(length - at + 16);
    for (const byte of random) {
      if (at === length) break;
      if (byte < fair) value[at++] = letters[byte % letters.length] as number;
    }
    random.fill(0);
  }
  return value;
}
