import { MAX_AGENT_CERTIFICATE_MS } from '@keyfleet/crypto';
import { z } from 'zod';
import type { StoredIdentity } from './store.js';

/** From when to when, in milliseconds since the epoch by our own clock. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

const claims = z.object({ iat: z.int() });

/**
 * When the credentials are good by our own clock, which may be days off: for as long as whoever issued them says, from
 * when we got them. A clock that shows a time before that was set back since; then it is believed.
 */
export function validity(identity: StoredIdentity, now: number): Validity {
  const life = lifeOf(identity);
  const obtained = Date.parse(identity.obtainedAt);
  const from = obtained <= now ? obtained : Date.parse(identity.expiresAt) - life;
  return { from, until: from + life };
}

/** Both ends by the issuer's clock; a certificate is no measure, because it is dated back. */
function lifeOf({ jwt, expiresAt }: StoredIdentity): number {
  const life = Date.parse(expiresAt) - issuedAt(jwt);
  return life > 0 ? life : MAX_AGENT_CERTIFICATE_MS;
}

/** NaN where the broker could not read it either. */
function issuedAt(jwt: string): number {
  try {
    const [, body = ''] = jwt.split('.');
    return claims.parse(JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))).iat * 1_000;
  } catch {
    return Number.NaN;
  }
}
