import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { fromSeed } from '@nats-io/nkeys';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const USER_PREFIX = 20 << 3;
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
  return out;
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

/** The Ed25519 public key a user NKey (`U…`) stands for; throws TypeError for anything else. Keep it: making it costs more than using it. */
export function nkeyPublicKey(nkey: string): KeyObject {
  const raw = base32(nkey);
  if (raw.length !== 35 || raw[0] !== USER_PREFIX || checksum(raw.subarray(0, 33)) !== raw.readUInt16LE(33))
    throw new TypeError('not a public user NKey');
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

/** Signs with a user NKey; the private key is made once and kept out of reach of whoever holds the signer. */
export function nkeySigner(seed: string): { readonly nkey: string; sign(text: string): string } {
  const nkey = fromSeed(Buffer.from(seed.trim(), 'latin1')).getPublicKey();
  const raw = base32(seed.trim()).subarray(2, 34);
  const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, raw]), format: 'der', type: 'pkcs8' });
  return { nkey, sign: (text) => sign(null, Buffer.from(text), key).toString('base64url') };
}
