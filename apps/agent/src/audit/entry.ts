import type { SECRET_ACTIONS, usageRow } from '@keyfleet/contracts/events';
import type { ErrorCode } from '@keyfleet/kernel';
import type { z } from 'zod';

export type Action = (typeof SECRET_ACTIONS)[number];
export type Outcome = z.infer<typeof usageRow>['outcome'];
export type Method = z.infer<typeof usageRow>['method'];

/** One operation at this agent: who did what to which secret, when, from where, and what came of it. Never a value. */
export interface AuditLine {
  readonly at: string;
  readonly action: Action;
  readonly path: string | null;
  readonly version: number | null;
  readonly principal: string;
  readonly method: Method;
  /** The caller's address; `null` for what the agent or its operator did on the machine itself. */
  readonly address: string | null;
  readonly client: string | null;
  readonly outcome: Outcome;
  /** Why it was refused or failed. */
  readonly code: ErrorCode | null;
  readonly traceId: string;
  /** Set where the line stands for so many of strangers that were left out. */
  readonly leftOut?: number;
}

/** A line in its place in the chain: `hash` covers everything else, `prev` is the hash of the line before. */
export interface AuditEntry extends AuditLine {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

export interface AuditQuery {
  /** Times: from inclusive, to exclusive. */
  readonly from?: string;
  readonly to?: string;
  readonly principal?: string;
  readonly action?: Action;
  readonly outcome?: Outcome;
  /** The secret, or everything below it. */
  readonly path?: string;
  /** Lines before this one. */
  readonly beforeSeq?: number;
  readonly limit: number;
}
