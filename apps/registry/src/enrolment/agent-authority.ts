/** What the authority gives an agent to live on until its next renewal. */
export interface AgentCredentials {
  /** PEM. */
  readonly certificate: string;
  readonly serial: string;
  /** RFC 3339; the certificate and the JWT end then. */
  readonly expiresAt: string;
  readonly jwt: string;
  readonly brokerUrls: readonly string[];
  /** PEM, one or two. */
  readonly trustBundle: readonly string[];
  readonly commandKeys: readonly string[];
}

export interface CredentialRequest {
  readonly orgId: string;
  readonly agentId: string;
  readonly csr: string;
  readonly nkey: string;
}

/** Whom a JWT of ours speaks of, whether or not it has ended. */
export interface IssuedCredential {
  readonly orgId: string;
  readonly agentId: string;
  readonly nkey: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

/** What enrolment asks of the authority. */
export interface AgentAuthority {
  /** Throws `enrolment.csr-invalid`. Nothing is remembered: credentials that are not handed out never existed. */
  issueAgentIdentity(request: CredentialRequest): Promise<AgentCredentials>;
  /** Cuts the agent off the broker until `jwtExpiresAt`; the same again is harmless. */
  revoke(agentId: string, nkey: string, jwtExpiresAt: string): Promise<void>;
  /** SHA-256 (hex) of the CAs enrolment tokens may pin: the first is the one new tokens get. */
  pins(): Promise<readonly string[]>;
  /** Whom this JWT was issued to; undefined where it is none of ours. */
  agentOf(jwt: string): IssuedCredential | undefined;
}
