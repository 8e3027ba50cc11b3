import { isId } from '@keyfleet/kernel';
import { encodeUser, fmtCreds } from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import { keyPairOf } from './keys.js';
import { type Service, servicePermissions } from './services.js';

/** A JSON command or reply of a service. The largest says what there is to say of a policy as large as may be written. */
const SERVICE_MAX_PAYLOAD = 4 * 1024 * 1024;
const NKEY = /^U[A-Z2-7]{55}$/;

export interface AgentUser {
  readonly orgId: string;
  readonly agentId: string;
  /** Public user NKey; the JWT is worth nothing without its seed. */
  readonly nkey: string;
  /** SHA-256 (hex) of the SPKI of the certificate issued with it. */
  readonly certificateKeyId: string;
  /** Milliseconds since the epoch: the end of that certificate. */
  readonly expiresAt: number;
}

export interface AgentSigner {
  readonly account: string;
  readonly agentsSeed: string;
}

/** To know the keys of a seed takes longer than signing does. */
const pairs = new WeakMap<AgentSigner, KeyPair>();

function pairOf(signer: AgentSigner): KeyPair {
  const pair = pairs.get(signer) ?? keyPairOf(signer.agentsSeed);
  pairs.set(signer, pair);
  return pair;
}

/**
 * The JWT an agent connects with. It carries no permission of its own: the signer's template gives all, filled in with
 * the name and the `org` tag here, which is why nothing but an id gets in. Whoever signs many keeps the signer.
 */
export function agentUserJwt(signer: AgentSigner, user: AgentUser): Promise<string> {
  if (!isId('org', user.orgId) || !isId('agt', user.agentId) || !NKEY.test(user.nkey))
    throw new TypeError('an agent user is made of ids and a public user key only');
  if (!/^[0-9a-f]{64}$/.test(user.certificateKeyId)) throw new TypeError('not a key id');
  return encodeUser(
    user.agentId,
    user.nkey,
    signer.account,
    { tags: [`org:${user.orgId}`, `spki:${user.certificateKeyId}`] },
    { signer: pairOf(signer), scopedUser: true, exp: Math.floor(user.expiresAt / 1000) },
  );
}

/** Credentials file of one of our services. */
export async function serviceCredentials(
  signer: { readonly account: string; readonly servicesSeed: string },
  service: Service,
  userSeed: string,
): Promise<string> {
  const { publish, subscribe } = servicePermissions(service);
  const pair = keyPairOf(userSeed);
  const jwt = await encodeUser(
    service,
    pair,
    signer.account,
    {
      pub: { allow: [...publish], deny: [] },
      sub: { allow: [...subscribe], deny: [] },
      payload: SERVICE_MAX_PAYLOAD,
      bearer_token: false,
      allowed_connection_types: ['STANDARD'],
    },
    { signer: keyPairOf(signer.servicesSeed) },
  );
  return Buffer.from(fmtCreds(jwt, pair)).toString('utf8');
}

/** Inbox of whoever pushes account claims. */
export const AUTHORITY_INBOX = '_INBOX.svc.authority';

/** Credentials of the system user: it can read and push this one account's claims, and nothing else. */
export async function systemCredentials(
  systemAccountSeed: string,
  account: string,
  userSeed: string,
): Promise<string> {
  const pair = keyPairOf(userSeed);
  const jwt = await encodeUser('authority', pair, keyPairOf(systemAccountSeed), {
    pub: {
      allow: [
        '$SYS.REQ.CLAIMS.UPDATE',
        `$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`,
        '$SYS.REQ.SERVER.PING.ACCOUNTZ',
      ],
      deny: [],
    },
    sub: { allow: [`${AUTHORITY_INBOX}.>`], deny: [] },
    bearer_token: false,
    allowed_connection_types: ['STANDARD'],
  });
  return Buffer.from(fmtCreds(jwt, pair)).toString('utf8');
}
