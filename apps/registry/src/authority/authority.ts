import { type AgentCommand, commandSigningInput } from '@keyfleet/contracts/messages';
import {
  type CertificateAuthority,
  certificatePin,
  issueAgentCertificate,
  loadCertificateAuthority,
  MAX_AGENT_CERTIFICATE_MS,
  nkeySigner,
  readCertificateRequest,
  splitPem,
  trustBundle,
} from '@keyfleet/crypto';
import { type Clock, KeyfleetError, toTimestamp } from '@keyfleet/kernel';
import { type AgentSigner, agentUserJwt, publicKeyOf, readAgentJwt } from '@keyfleet/messaging';
import type {
  AgentAuthority,
  AgentCredentials,
  CredentialRequest,
  IssuedCredential,
} from '../enrolment/agent-authority.js';
import type { AuthorityKeys } from './files.js';
import type { ClaimsReconciler } from './reconciler.js';
import type { RevocationTable } from './revocations.js';

/** What a signature of the command key vouches for; the text begins with it. */
export type SigningPurpose = 'keyfleet.manifest.v1' | 'keyfleet.convergence.v1' | 'keyfleet.checkpoint.v1';

export interface AuthorityParts {
  readonly keys: AuthorityKeys;
  readonly ca: CertificateAuthority;
  readonly revocations: RevocationTable;
  readonly reconciler: Pick<ClaimsReconciler, 'enforce'>;
  /** Where agents find the brokers. */
  readonly brokerUrls: readonly string[];
  readonly clock: Clock;
  /** Never more than 24 hours, whatever is asked for. */
  readonly credentialLifeMs?: number;
}

/** The one part of Keyfleet that holds the issuing authority and the signing keys. */
export class Authority implements AgentAuthority {
  readonly #parts: AuthorityParts;
  readonly #signer: ReturnType<typeof nkeySigner>;
  readonly #agentSigner: AgentSigner;
  readonly #bundle: readonly string[];

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
    this.#signer = nkeySigner(parts.keys.command);
    this.#agentSigner = { account: parts.keys.installation.account, agentsSeed: parts.keys.agents };
    const { ca, otherCa } = parts.keys;
    this.#bundle = splitPem(trustBundle(ca.certificate, ...(otherCa ? [otherCa] : [])));
  }

  static async create(parts: Omit<AuthorityParts, 'ca'>): Promise<Authority> {
    return new Authority({ ...parts, ca: await loadCertificateAuthority(parts.keys.ca) });
  }

  /** Throws `enrolment.csr-invalid`, or `agent.revoked` for a key that may not come back. */
  async issueAgentIdentity(request: CredentialRequest): Promise<AgentCredentials> {
    const { ca, clock, brokerUrls, credentialLifeMs = MAX_AGENT_CERTIFICATE_MS } = this.#parts;
    const { orgId, agentId, nkey } = request;
    const csr = await readCertificateRequest(request.csr, agentId);
    if (await this.#parts.revocations.hasKey(nkey)) throw new KeyfleetError('agent.revoked');
    const issued = await issueAgentCertificate(ca, {
      orgId,
      agentId,
      request: csr,
      now: clock.now(),
      validForMs: credentialLifeMs,
    });
    const jwt = await agentUserJwt(this.#agentSigner, {
      orgId,
      agentId,
      nkey,
      certificateKeyId: issued.keyId,
      expiresAt: issued.expiresAt,
    });
    return {
      certificate: issued.certificate,
      serial: issued.serial,
      expiresAt: toTimestamp(issued.expiresAt),
      jwt,
      brokerUrls,
      trustBundle: this.#bundle,
      commandKeys: this.commandKeys(),
    };
  }

  /**
   * Cuts the agent off and keeps it out. Resolves once a broker goes by it; throws `service.unavailable` where none
   * answers: the revocation is recorded all the same, holds for ingest and renewal, and is the first thing a broker is
   * told on its return.
   */
  async revoke(agentId: string, nkey: string, jwtExpiresAt: string): Promise<void> {
    const now = this.#parts.clock.now();
    await this.#parts.revocations.add({ agentId, nkey, now, jwtExpiresAt: Date.parse(jwtExpiresAt) || now });
    try {
      await this.#parts.reconciler.enforce();
    } catch {
      throw new KeyfleetError('service.unavailable', {
        detail: 'The revocation is recorded; the broker does not answer and is told as soon as it does.',
      });
    }
  }

  /** Pins of enrolment tokens: the authority in use, then the one before or after it. */
  async pins(): Promise<readonly string[]> {
    return this.#bundle.map(certificatePin);
  }

  agentOf(jwt: string): IssuedCredential | undefined {
    const { installation, agents, otherAgentsKey } = this.#parts.keys;
    const signers = [publicKeyOf(agents), ...(otherAgentsKey ? [otherAgentsKey] : [])];
    return readAgentJwt(jwt, { account: installation.account, signers });
  }

  trustBundle(): readonly string[] {
    return this.#bundle;
  }

  /** Public NKeys agents pin; the first one signs. */
  commandKeys(): readonly string[] {
    const { otherCommandKey } = this.#parts.keys;
    return otherCommandKey ? [this.#signer.nkey, otherCommandKey] : [this.#signer.nkey];
  }

  signCommand(command: Omit<AgentCommand, 'key' | 'signature'>): AgentCommand {
    const keyed = { ...command, key: this.#signer.nkey };
    return { ...keyed, signature: this.#signer.sign(commandSigningInput(keyed)) };
  }

  /** Signs a text of one of these purposes; a command can never be made this way. */
  sign(
    purpose: SigningPurpose,
    lines: readonly string[],
  ): { readonly key: string; readonly signature: string } {
    if (lines.some((line) => line.includes('\n'))) throw new TypeError('one line each');
    return { key: this.#signer.nkey, signature: this.#signer.sign([purpose, ...lines].join('\n')) };
  }

  /** For ingest and `rpc`: whether this agent's key may not come back, however the store was restored. */
  has(agentId: string): Promise<boolean> {
    return this.#parts.revocations.hasAgent(agentId);
  }
}
