import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

export const TAG_BYTES = 16;
/** Node takes tags down to 4 bytes unless told how long they have to be. */
const GCM = { authTagLength: TAG_BYTES } as const;

export interface GcmKey {
  /** 32 bytes. */
  readonly key: Buffer;
  /** 12 bytes, never twice with the same key. */
  readonly nonce: Buffer;
  readonly aad: Buffer;
}

export function hkdfSha256(key: Buffer, salt: Buffer, info: Buffer, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, bytes));
}

export function encryptGcm(under: GcmKey, content: Buffer): { ciphertext: Buffer; tag: Buffer } {
  const cipher = createCipheriv('aes-256-gcm', under.key, under.nonce, GCM);
  cipher.setAAD(under.aad, { plaintextLength: content.length });
  const ciphertext = cipher.update(content);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** The content, or `undefined` where the tag does not hold: nothing that came out before the check is handed on. */
export function decryptGcm(under: GcmKey, ciphertext: Buffer, tag: Buffer): Buffer | undefined {
  if (tag.length !== TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', under.key, under.nonce, GCM);
  decipher.setAAD(under.aad, { plaintextLength: ciphertext.length });
  decipher.setAuthTag(tag);
  const content = decipher.update(ciphertext);
  try {
    decipher.final();
    return content;
  } catch {
    content.fill(0);
    return undefined;
  }
}
