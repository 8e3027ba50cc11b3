import { createHash, createPrivateKey, generateKeyPairSync, type webcrypto } from 'node:crypto';

/** The only key kinds we issue for or sign with. */
export type KeyKind = 'p256' | 'ed25519';

type Subtle = Pick<typeof globalThis.crypto, 'subtle'>['subtle'];
const subtle: Subtle = globalThis.crypto.subtle;

const IMPORT = {
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
  ed25519: { name: 'Ed25519' },
} as const;

/** What the signer of a certificate or request with such a key is called in WebCrypto. */
export const SIGNING = {
  p256: { name: 'ECDSA', hash: 'SHA-256' },
  ed25519: { name: 'Ed25519' },
} as const;

/** A fresh private key as PKCS#8 PEM. */
export function generatePrivateKey(kind: KeyKind = 'p256'): string {
  const pair =
    kind === 'p256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Which of our kinds a key (node's words for it) is; `undefined` for any other. */
export function keyKindOf(key: {
  asymmetricKeyType?: string;
  asymmetricKeyDetails?: { namedCurve?: string };
}): KeyKind | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'p256';
  return undefined;
}

export interface SigningPair {
  readonly kind: KeyKind;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** The WebCrypto pair of a PKCS#8 PEM; throws for key kinds we do not use. */
export async function importSigningPair(privateKeyPem: string): Promise<SigningPair> {
  const key = createPrivateKey(privateKeyPem);
  const kind = keyKindOf(key);
  if (!kind) throw new Error('only P-256 and Ed25519 keys can sign here');
  const privateKey = await subtle.importKey(
    'pkcs8',
    key.export({ type: 'pkcs8', format: 'der' }),
    IMPORT[kind],
    false,
    ['sign'],
  );
  const jwk = key.export({ format: 'jwk' });
  const publicKey = await subtle.importKey(
    'jwk',
    { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y },
    IMPORT[kind],
    true,
    ['verify'],
  );
  return { kind, keys: { privateKey, publicKey } };
}

export function keyIdOf(spki: Buffer): string {
  return createHash('sha256').update(spki).digest('hex');
}
