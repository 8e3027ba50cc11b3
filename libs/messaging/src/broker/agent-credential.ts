import { nkeyPublicKey, verifyNkeySignature } from '@keyfleet/crypto';
import { isId } from '@keyfleet/kernel';

/** Whom an agent's JWT speaks of, whether or not it has ended. */
export interface AgentCredential {
  readonly orgId: string;
  readonly agentId: string;
  readonly nkey: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

interface Claims {
  readonly iss?: unknown;
  readonly sub?: unknown;
  readonly name?: unknown;
  readonly iat?: unknown;
  readonly nats?: {
    readonly issuer_account?: unknown;
    readonly tags?: readonly unknown[];
    readonly type?: unknown;
  };
}

/**
 * Reads a JWT that `agentUserJwt` made: signed by one of these keys for this account. `undefined` for any other text.
 * It proves that the agent was enrolled here once; that whoever shows it is the agent, its key has to prove.
 */
export function readAgentJwt(
  jwt: string,
  by: { readonly account: string; readonly signers: readonly string[] },
): AgentCredential | undefined {
  const [header = '', body = '', signature = '', ...more] = jwt.split('.');
  const claims = parse(body);
  const signer = by.signers.find((key) => key === claims?.iss);
  if (!claims || !signer || more.length > 0) return undefined;
  if (!isSigned(signer, `${header}.${body}`, signature)) return undefined;
  return claims.nats?.issuer_account === by.account && claims.nats.type === 'user'
    ? agentIn(claims)
    : undefined;
}

function agentIn({ sub, name, iat, nats }: Claims): AgentCredential | undefined {
  const tag = nats?.tags?.find((one): one is string => typeof one === 'string' && one.startsWith('org:'));
  const orgId = tag?.slice('org:'.length);
  if (!isId('org', orgId) || !isId('agt', name)) return undefined;
  if (typeof sub !== 'string' || typeof iat !== 'number') return undefined;
  return { orgId, agentId: name, nkey: sub, issuedAt: iat * 1_000 };
}

function isSigned(key: string, text: string, signature: string): boolean {
  try {
    return verifyNkeySignature(nkeyPublicKey(key, 'account'), text, signature);
  } catch {
    return false;
  }
}

function parse(body: string): Claims | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}
