import { agentInbox, RPC_VERBS } from '@keyfleet/contracts/messages';
import { encodeAccount, encodeOperator, newScopedSigner } from '@nats-io/jwt';
import type { KeyPair } from '@nats-io/nkeys';
import { keyPairOf, publicKeyOf } from './keys.js';

/** What one message of an agent may weigh; a journal batch is at most half of it. */
export const AGENT_MAX_PAYLOAD = 512 * 1024;
/** `cmd`, one inbox, and room for a second connection's overlap. */
const AGENT_MAX_SUBSCRIPTIONS = 8;

const ORG = '{{tag(org)}}';
const NAME = '{{name()}}';

/** What an agent may do, whatever its own JWT says. Each template is a whole token: 2.9 expands no part of one. */
export const AGENT_PERMISSIONS = {
  // Verb by verb: `rpc.*` would also let the literal subject `rpc.>` through.
  publish: ['hb', 'ev', ...RPC_VERBS.map((verb) => `rpc.${verb}`)].map(
    (kind) => `kf.v1.${ORG}.${NAME}.${kind}`,
  ),
  subscribe: [`kf.v1.${ORG}.${NAME}.cmd`, `${agentInbox(NAME)}.>`],
} as const;

/** Public keys a user may no longer connect with, and the time (seconds) up to which their JWTs are void. */
export type Revocations = Readonly<Record<string, number>>;

export interface AccountKeys {
  /** Public key of the account the agents and services live in. */
  readonly account: string;
  /** Public key of the services' signer. */
  readonly services: string;
  /** Public keys of the agents' signers, two while one is replaced; none in what a broker starts with. */
  readonly agents: readonly string[];
}

// The library's defaults are zero, which means "none"; minus one means "no limit".
const ACCOUNT_LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: 0,
  exports: 0,
  wildcards: false,
  conn: -1,
  leaf: 0,
  disallow_bearer: true,
  mem_storage: 0,
  disk_storage: 0,
  streams: 0,
  consumer: 0,
};

function agentsSigner(publicKey: string) {
  return newScopedSigner(publicKey, 'agent', {
    pub: { allow: [...AGENT_PERMISSIONS.publish], deny: [] },
    sub: { allow: [...AGENT_PERMISSIONS.subscribe], deny: [] },
    payload: AGENT_MAX_PAYLOAD,
    subs: AGENT_MAX_SUBSCRIPTIONS,
    data: -1,
    bearer_token: false,
    allowed_connection_types: ['STANDARD'],
  });
}

/**
 * The account's claims, signed by an operator signing key. A broker keeps the later of two: `issuedAfter` (seconds) makes
 * these the later ones even where the clock that wrote the others was ahead.
 */
export async function accountClaims(
  operatorSigningSeed: string,
  keys: AccountKeys,
  revocations: Revocations = {},
  options: { readonly issuedAfter?: number } = {},
): Promise<string> {
  const signer = keyPairOf(operatorSigningSeed);
  const jwt = await encodeAccount(
    'KF',
    keys.account,
    {
      limits: ACCOUNT_LIMITS,
      signing_keys: [keys.services, ...keys.agents.map(agentsSigner)],
      ...(Object.keys(revocations).length > 0 ? { revocations: { ...revocations } } : {}),
    },
    { signer },
  );
  const { issuedAt: iat } = readAccountClaims(jwt);
  const after = options.issuedAfter ?? 0;
  return iat > after ? jwt : reissued(jwt, after + 1, signer);
}

/** The same claims with another time of issue; the library always writes the present. */
function reissued(jwt: string, iat: number, signer: KeyPair): string {
  const [header = '', body = ''] = jwt.split('.');
  const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString('utf8')), iat };
  const text = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  return `${text}.${Buffer.from(signer.sign(Buffer.from(text))).toString('base64url')}`;
}

export function systemAccountClaims(operatorSigningSeed: string, systemAccount: string): Promise<string> {
  return encodeAccount(
    'SYS',
    systemAccount,
    { limits: { ...ACCOUNT_LIMITS, exports: -1, wildcards: true } },
    { signer: keyPairOf(operatorSigningSeed) },
  );
}

export function operatorClaims(
  operatorSeed: string,
  options: { readonly signingKeys: readonly string[]; readonly systemAccount: string },
): Promise<string> {
  return encodeOperator('keyfleet', keyPairOf(operatorSeed), {
    signing_keys: [...options.signingKeys],
    system_account: options.systemAccount,
  });
}

export interface ReadAccountClaims {
  /** Public key of the account. */
  readonly account: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Public keys of every signer they name. */
  readonly signers: readonly string[];
  readonly revocations: Revocations;
}

/** Reads account claims as a broker that checked their signature gave them; throws for what is none. */
export function readAccountClaims(jwt: string): ReadAccountClaims {
  const { sub, iat, nats } = payloadOf(jwt);
  return {
    account: String(sub),
    issuedAt: Number(iat),
    signers: (nats.signing_keys ?? []).map((key) => (typeof key === 'string' ? key : key.key)),
    revocations: nats.revocations ?? {},
  };
}

interface Payload {
  readonly [claim: string]: unknown;
  readonly nats: {
    readonly signing_keys?: readonly (string | { readonly key: string })[];
    readonly revocations?: Revocations;
  };
}

function payloadOf(jwt: string): Payload {
  const payload: unknown = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8'));
  if (typeof payload !== 'object' || payload === null || !('nats' in payload) || !payload.nats)
    throw new TypeError('not NATS claims');
  return payload as Payload;
}

/** Whether two claims say the same, whenever they were issued. */
export function sameClaims(one: string, other: string): boolean {
  return one === other || meaning(one) === meaning(other);
}

function meaning(jwt: string): string {
  const { iat: _iat, jti: _jti, ...rest } = payloadOf(jwt);
  return JSON.stringify(sorted(rest));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** Public keys of an installation from its seeds. */
export function accountKeysOf(seeds: {
  readonly account: string;
  readonly services: string;
  readonly agents: string;
}): AccountKeys {
  return {
    account: publicKeyOf(seeds.account),
    services: publicKeyOf(seeds.services),
    agents: [publicKeyOf(seeds.agents)],
  };
}
