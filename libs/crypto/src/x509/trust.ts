import { createHash, X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM file, in order. */
export function splitPem(pem: string): string[] {
  return (pem.match(BLOCK) ?? []).map((block) => `${block.trim()}\n`);
}

/** Two at most: the authority in use and the one before or after it, which is how authorities change without a gap. */
export function trustBundle(...authorities: readonly string[]): string {
  const unique = [...new Set(authorities.flatMap(splitPem))];
  if (unique.length === 0 || unique.length > 2)
    throw new Error('a trust bundle holds one or two authorities');
  for (const pem of unique)
    if (!new X509Certificate(pem).ca) throw new Error('a trust bundle holds authorities only');
  return unique.join('');
}

/** SHA-256 (hex) over the DER of a certificate: what enrolment tokens pin. */
export function certificatePin(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
}
