/** A new agent; the same token and key again change nothing. */
export interface EnrolAgent {
  readonly type: 'EnrolAgent';
  readonly agentId: string;
  readonly name: string;
  readonly nkey: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  readonly tokenId: string;
  readonly serial: string;
  readonly certificateExpiresAt: string;
}

/** An agent that was enrolled in a time the control plane lost; nothing where it is known already. */
export interface ReadoptAgent extends Omit<EnrolAgent, 'type' | 'labels'> {
  readonly type: 'ReadoptAgent';
  /** When the credential was issued that proves it. */
  readonly credentialIssuedAt: string;
}

export interface RenewCertificate {
  readonly type: 'RenewCertificate';
  readonly serial: string;
  readonly expiresAt: string;
  readonly by: 'nats' | 'https';
}

export interface LabelAgent {
  readonly type: 'LabelAgent';
  readonly labels: Readonly<Record<string, string>>;
}

export interface RevokeAgent {
  readonly type: 'RevokeAgent';
}

/** What an agent says it runs; nothing where it is what we know. */
export interface ReportVersion {
  readonly type: 'ReportVersion';
  readonly version: string;
}

/** Beats of these boots alternate under one identity. */
export interface SuspectClone {
  readonly type: 'SuspectClone';
  readonly bootIds: readonly string[];
}

export type AgentCommand =
  | EnrolAgent
  | ReadoptAgent
  | RenewCertificate
  | LabelAgent
  | RevokeAgent
  | ReportVersion
  | SuspectClone;
