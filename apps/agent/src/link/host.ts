import type { PolicyManifest } from '@keyfleet/contracts';
import type { Clock } from '@keyfleet/kernel';
import type { PolicyIdentity } from '../policy/judge.js';
import type { Journal } from './journal/journal.js';

export interface VaultHealth {
  readonly storage: 'ok' | 'degraded';
  readonly seal: 'unsealed' | 'sealed';
  /** How many secrets there are. */
  readonly secrets: number;
  /** Requests per latency bucket (LATENCY_BUCKETS_MS and one for the rest) since the process started; it only grows. */
  readonly latency: readonly number[];
}

export interface LinkConfig {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly agentVersion: string;
  /** New at every start of the process. */
  readonly bootId: string;
  /** Without it, and without an identity on disk, the agent stays unenrolled. */
  readonly controlPlaneUrl: string | undefined;
  readonly enrolmentTokenFile: string | undefined;
}

/** The form of pino: fields first, then one sentence. Never a value, a token or a secret's name. */
export interface LinkLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What commands of the control plane may do here; their answer is what they journal. */
export interface LinkCommands {
  rotate(path: string): Promise<void>;
  /** Drops the keys from memory until the process is started again. */
  lock(): Promise<void>;
}

/** What became of a batch of journal entries. */
export type BatchResult = 'acknowledged' | 'later' | 'refused' | 'forked';

/** Told of each answer: the batch's entries, and the seconds until it came. */
export type OnBatch = (result: BatchResult, entries: number, seconds: number) => void;

/** What becomes of policies here. Nothing is in force by having been sent: each is judged by whoever takes it. */
export interface LinkPolicies {
  /** `wanted` where its bundle is to be brought; a refusal is told by whoever judged. */
  consider(manifest: PolicyManifest, identity: PolicyIdentity): 'known' | 'refused' | 'wanted';
  /** The bundle of this name, where it is at hand. */
  bundle(hash: string): Uint8Array | undefined;
  /** False where it was refused. Rejects where the disk refuses; then it may be tried again. */
  apply(manifest: PolicyManifest, bundle: Uint8Array, identity: PolicyIdentity): Promise<boolean>;
  /** The control plane knows of no policy for this agent. */
  noneHolds(identity: PolicyIdentity): Promise<void>;
}

/** Everything the link is given by the agent around it. */
export interface LinkHost {
  readonly journal: Journal;
  /** The agent's directory; the link keeps what is its own under `link/` in it. */
  readonly directory: string;
  readonly config: LinkConfig;
  readonly clock: Clock;
  readonly logger: LinkLogger;
  readonly commands: LinkCommands;
  readonly onBatch?: OnBatch;
  health(): VaultHealth;
  /** Called after storage, seal health or the policy changed, so that a beat can follow at once. Returns the way to stop. */
  onHealthChange(listener: () => void): () => void;
  /** The policy bundle in force; `null` where there is none. */
  policy(): { version: number; hash: string } | null;
  /** Who takes the policies that come over the link; without, none is asked for. */
  readonly policies?: LinkPolicies;
}

/** As it stands in the agent's own status. */
export interface LinkStatus {
  readonly state: 'unenrolled' | 'connecting' | 'connected' | 'offline' | 'revoked';
  readonly since: string;
  readonly lastAcknowledgedAt: string | null;
  readonly certificateExpiresAt: string | null;
}

/** What `startLink(host)` of `link/index.ts` resolves to; it resolves at once and connects in the background. */
export interface Link {
  status(): LinkStatus;
  /** A beat before the next one is due. */
  beatNow(): void;
  close(): Promise<void>;
}
