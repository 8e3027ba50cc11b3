import { randomBytes, timingSafeEqual } from 'node:crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import { type EnvelopeContext, encodeContext } from './context.js';
import { decryptGcm, encryptGcm, hkdfSha256, TAG_BYTES } from './primitives.js';

/**
 * One message under one key (docs/adr/0007):
 *
 *     format (1) | algorithm (1) | salt (32) | commitment (32) | ciphertext | tag (16)
 *
 * HKDF-SHA256 over (key, salt, header and context) gives the message's own AES-256-GCM key, its nonce and the
 * commitment. The commitment is compared before anything is decrypted: one envelope opens under one key and context only.
 */
const FORMAT = 1;
const AES_256_GCM_HKDF_SHA256 = 1;
const HEADER = Buffer.from([FORMAT, AES_256_GCM_HKDF_SHA256]);
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const COMMITMENT_BYTES = 32;
const CIPHERTEXT_AT = HEADER.length + SALT_BYTES + COMMITMENT_BYTES;

export const DATA_KEY_BYTES = 32;
/** An envelope is this much longer than its content. */
export const ENVELOPE_OVERHEAD_BYTES = CIPHERTEXT_AT + TAG_BYTES;

export type EnvelopeFault = 'malformed' | 'wrong-key-or-context' | 'tampered';

const DETAIL: Record<EnvelopeFault, string> = {
  malformed: 'This is no envelope of a known format.',
  'wrong-key-or-context': 'The envelope was not made with this key for this place.',
  tampered: 'The envelope was changed after it was made.',
};

function refuse(fault: EnvelopeFault): never {
  throw new KeyfleetError('vault.integrity', { detail: DETAIL[fault], extensions: { fault } });
}

interface Derived {
  readonly all: Buffer;
  readonly key: Buffer;
  readonly nonce: Buffer;
  readonly commitment: Buffer;
  readonly aad: Buffer;
}

function derive(dataKey: Buffer, salt: Buffer, context: EnvelopeContext): Derived {
  if (dataKey.length !== DATA_KEY_BYTES) throw new RangeError('a data key has 32 bytes');
  const aad = encodeContext(HEADER, context);
  const info = Buffer.concat([Buffer.from('keyfleet.envelope'), aad]);
  const all = hkdfSha256(dataKey, salt, info, KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES);
  return {
    all,
    key: all.subarray(0, KEY_BYTES),
    nonce: all.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES),
    commitment: all.subarray(KEY_BYTES + NONCE_BYTES),
    aad,
  };
}

/** Encrypts; the content and the key stay the caller's to fill with zeros. */
export function sealEnvelope(dataKey: Buffer, content: Buffer, context: EnvelopeContext): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const derived = derive(dataKey, salt, context);
  try {
    const { ciphertext, tag } = encryptGcm(derived, content);
    return Buffer.concat([HEADER, salt, derived.commitment, ciphertext, tag]);
  } finally {
    derived.all.fill(0);
  }
}

/**
 * The content, in a buffer of its own for the caller to fill with zeros. Throws `vault.integrity`, with the fault in
 * its extensions, for anything but the exact envelope that was made with this key for this context.
 */
export function openEnvelope(dataKey: Buffer, envelope: Buffer, context: EnvelopeContext): Buffer {
  if (envelope.length < ENVELOPE_OVERHEAD_BYTES) refuse('malformed');
  if (!envelope.subarray(0, HEADER.length).equals(HEADER)) refuse('malformed');
  const salt = envelope.subarray(HEADER.length, HEADER.length + SALT_BYTES);
  const commitment = envelope.subarray(HEADER.length + SALT_BYTES, CIPHERTEXT_AT);
  const derived = derive(dataKey, salt, context);
  try {
    if (!timingSafeEqual(commitment, derived.commitment)) refuse('wrong-key-or-context');
    const tagAt = envelope.length - TAG_BYTES;
    const content = decryptGcm(derived, envelope.subarray(CIPHERTEXT_AT, tagAt), envelope.subarray(tagAt));
    return content ?? refuse('tampered');
  } finally {
    derived.all.fill(0);
  }
}
