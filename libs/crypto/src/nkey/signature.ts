import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const USER_PREFIX = 20 << 3;
const PREFIX = { user: USER_PREFIX, account: 0 } as const;
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

function base32(text: string): Buffer {
  const out = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let value = 0;
  let at = 0;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) throw new TypeError('not base32');
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    out[at++] = (value >> bits) & 0xff;
  }
  // Every key has one text: what is left over is nothing.
  if (value & ((1 << bits) - 1)) throw new TypeError('not base32');
  return out;
}

function toBase32(bytes: Buffer): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}

function withChecksum(bytes: Buffer): string {
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(checksum(bytes));
  return toBase32(Buffer.concat([bytes, sum]));
}

/** CRC-16/XMODEM, as NKeys carry it. */
function checksum(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = ((crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff) >>> 0;
  }
  return crc;
}

/**
 * The Ed25519 public key that the NKey of a user (`U…`) or account (`A…`) stands for; throws TypeError for anything
 * else. Keep it: making it costs more than using it.
 */
export function nkeyPublicKey(nkey: string, kind: keyof typeof PREFIX = 'user'): KeyObject {
  const raw = base32(nkey);
  if (raw.length !== 35 || raw[0] !== PREFIX[kind] || checksum(raw.subarray(0, 33)) !== raw.readUInt16LE(33))
    throw new TypeError(`not the public NKey of a ${kind}`);
  return createPublicKey({
    key: Buffer.concat([ED25519_SPKI, raw.subarray(1, 33)]),
    format: 'der',
    type: 'spki',
  });
}

/** Whether the NKey signed this text. A signature of any other form is simply not one. */
export function verifyNkeySignature(key: KeyObject | string, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.length !== 64) return false;
  const publicKey = typeof key === 'string' ? nkeyPublicKey(key) : key;
  return verify(null, Buffer.from(text), publicKey, bytes);
}

const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The first two bytes of a user's seed: its kind and the user's prefix, five bits into each other. */
const SEED_PREFIX = Buffer.from([(18 << 3) | (USER_PREFIX >> 5), (USER_PREFIX & 31) << 3]);

/** A fresh user seed (`SU…`); as secret as a private key. */
export function newNkeySeed(): string {
  return withChecksum(Buffer.concat([SEED_PREFIX, randomBytes(32)]));
}

export interface NkeySigner {
  /** The public user NKey. */
  readonly nkey: string;
  /** Ed25519 signature of the text, base64url. */
  sign(text: string): string;
}

/** Signs with a user NKey; throws TypeError where the seed is none. */
export function nkeySigner(seed: string): NkeySigner {
  const raw = base32(seed.trim());
  const inOrder = raw.length === 36 && checksum(raw.subarray(0, 34)) === raw.readUInt16LE(34);
  if (!inOrder || !raw.subarray(0, 2).equals(SEED_PREFIX)) throw new TypeError('not the seed of a user NKey');
  const der = Buffer.concat([ED25519_PKCS8, raw.subarray(2, 34)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const nkey = withChecksum(Buffer.concat([Buffer.from([USER_PREFIX]), spki.subarray(-32)]));
  return { nkey, sign: (text) => sign(null, Buffer.from(text), key).toString('base64url') };
}
