import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What is shown once, and what is kept of it. */
export interface MintedSecret {
  readonly secret: string;
  /** SHA-256 (hex) of `secret` as it is sent. */
  readonly hash: string;
}

/** SHA-256 is enough for 256 random bits: there is nothing to guess. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Two SHA-256 in hex, compared in constant time. */
export function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function mint(prefix: string): MintedSecret {
  const secret = prefix + randomBytes(32).toString('base64url');
  return { secret, hash: hashSecret(secret) };
}

/** The value of a session cookie. */
export function mintSessionSecret(): MintedSecret {
  return mint('');
}

/** `kf_<256 bits>`, sent as a bearer token; the hash is over all of it. */
export function mintApiToken(): MintedSecret {
  return mint('kf_');
}

const ENROLMENT = /^kfe_([0-9a-f]{64})_([A-Za-z0-9_-]{43})$/;

export interface EnrolmentSecret {
  /** SHA-256 (hex) of the CA an agent will insist on. */
  readonly pin: string;
  /** Of the secret part alone: an attacker who swaps the pin still names the same token. */
  readonly hash: string;
}

/** `kfe_<pin>_<256 bits>`. */
export function mintEnrolmentToken(pin: string): MintedSecret {
  const { secret, hash } = mint('');
  return { secret: `kfe_${pin}_${secret}`, hash };
}

/** `null` where it is not a token at all. */
export function parseEnrolmentToken(token: string): EnrolmentSecret | null {
  const [, pin, secret] = ENROLMENT.exec(token) ?? [];
  return pin && secret ? { pin, hash: hashSecret(secret) } : null;
}
