import {
  createCertificateAuthority,
  createCertificateRequest,
  issueServiceCertificate,
  loadCertificateAuthority,
} from '@keyfleet/crypto';
import {
  agentUserJwt,
  type BrokerIdentity,
  generateBrokerSeeds,
  generateUserSeed,
  publicKeyOf,
} from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import type { AuthorityProcess, IssueRequest } from './authority-process.js';
import type { ProofAgent } from './broker-access.js';
import type { ProofInstallation } from './installation.js';

export interface CredentialResult {
  readonly operations: number;
  readonly forged: readonly string[];
  readonly twinsFailed: readonly string[];
}

const HOUR = 3_600_000;

/** Connections with credentials that are not quite one's own, and names no agent may have. */
export async function runCredentials(
  installation: ProofInstallation,
  authority: AuthorityProcess,
): Promise<CredentialResult> {
  const [me, other] = [await installation.agent(authority), await installation.agent(authority)];
  const forged: string[] = [];
  const twinsFailed: string[] = [];
  const attempts = await connections(installation, me, other);
  for (const [name, identity] of Object.entries(attempts)) {
    if (!(await installation.broker.isOut({ ...me, identity }))) forged.push(`connect with ${name}`);
    if (await installation.broker.isOut(me)) twinsFailed.push(`connect with ${name}`);
  }
  const requests = names();
  for (const [name, change] of Object.entries(requests)) {
    const { csr } = await createCertificateRequest();
    const honest = { orgId: newId('org'), agentId: newId('agt'), nkey: publicKeyOf(generateUserSeed()), csr };
    if (await isIssued(authority, { ...honest, ...change })) forged.push(`be issued ${name}`);
    if (!(await isIssued(authority, honest))) twinsFailed.push(`be issued ${name}`);
  }
  return { operations: Object.keys(attempts).length + Object.keys(requests).length, forged, twinsFailed };
}

async function connections(
  installation: ProofInstallation,
  me: ProofAgent,
  other: ProofAgent,
): Promise<Record<string, BrokerIdentity>> {
  const signer = { account: installation.broker.account, agentsSeed: installation.broker.signer('agents') };
  const { orgId, agentId, nkey } = me;
  const user = { orgId, agentId, nkey, certificateKeyId: '0'.repeat(64) };
  const now = Date.now();
  const foreign = generateBrokerSeeds();
  const foreignAuthority = await loadCertificateAuthority(
    await createCertificateAuthority({ commonName: 'Keyfleet', now, validForMs: HOUR }),
  );
  const foreignTls = await issueServiceCertificate(foreignAuthority, {
    service: agentId,
    now,
    validForMs: HOUR,
  });
  const live = { ...user, expiresAt: now + HOUR };
  const self = { account: publicKeyOf(foreign.account), agentsSeed: foreign.agents };
  return {
    'the JWT of another agent': { ...me.identity, jwt: other.identity.jwt },
    'the key of another agent': { ...me.identity, seed: other.identity.seed },
    'another organisation written into its JWT': {
      ...me.identity,
      jwt: edited(me.identity.jwt, (body) => body.replace(me.orgId, other.orgId)),
    },
    'a wildcard written into its JWT': {
      ...me.identity,
      jwt: edited(me.identity.jwt, (body) => body.replace(`"name":"${agentId}"`, '"name":"*"')),
    },
    'rights written into its JWT': {
      ...me.identity,
      jwt: edited(me.identity.jwt, (body) => body.replace('"nats":{', '"nats":{"pub":{"allow":[">"]},')),
    },
    'a JWT that has expired': {
      ...me.identity,
      jwt: await agentUserJwt(signer, { ...user, expiresAt: now - 10_000 }),
    },
    'a JWT of another installation': { ...me.identity, jwt: await agentUserJwt(self, live) },
    'a JWT signed by a key that is no signer': {
      ...me.identity,
      jwt: await agentUserJwt({ ...signer, agentsSeed: foreign.agents }, live),
    },
    'a certificate of another authority': { ...me.identity, ...foreignTls },
  };
}

/** Rewrites the claims and keeps the signature, as somebody without the signer's key must. */
function edited(jwt: string, change: (body: string) => string): string {
  const [header, body = '', signature] = jwt.split('.');
  const text = change(Buffer.from(body, 'base64url').toString('utf8'));
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}

function names(): Record<string, Partial<IssueRequest>> {
  return {
    'the name *': { agentId: '*' },
    'the name >': { agentId: '>' },
    'a name of two tokens': { agentId: `${newId('agt')}.${newId('agt')}` },
    'a name in capitals': { agentId: newId('agt').toUpperCase() },
    'the organisation *': { orgId: '*' },
    'the organisation >': { orgId: '>' },
    'an organisation that is an agent': { orgId: newId('agt') },
    'a key that is an account': { nkey: publicKeyOf(generateBrokerSeeds().account) },
    'a certificate for nothing': { csr: 'none' },
  };
}

async function isIssued(authority: AuthorityProcess, request: IssueRequest): Promise<boolean> {
  try {
    await authority.issue(request);
    return true;
  } catch {
    return false;
  }
}
