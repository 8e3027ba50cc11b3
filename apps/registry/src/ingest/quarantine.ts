import { hash } from 'node:crypto';
import { parseAgentSubject } from '@keyfleet/contracts/messages';
import { sha256Hex } from '@keyfleet/crypto';

export const QUARANTINE_REASONS = [
  'subject',
  'too-large',
  'malformed',
  'schema',
  'identity',
  'signature',
  'chain',
] as const;
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

/** What is kept of a message that could not be taken: never its bytes. */
export interface QuarantinedMessage {
  /** SHA-256 (hex) of the payload. */
  readonly sha256: string;
  readonly size: number;
  readonly reason: QuarantineReason;
  /** Field names of our schemas only. */
  readonly pointers: readonly string[];
  /** As it was where it follows the grammar of agent subjects, else `sha256:<hex>`: whoever sent it chose its words. */
  readonly subject: string;
}

export interface Quarantine {
  /** Resolves once it is kept; the same message again is counted, not kept twice. */
  keep(message: QuarantinedMessage): Promise<void>;
}

export function quarantined(
  subject: string,
  bytes: Uint8Array,
  found: { reason: QuarantineReason; pointers?: readonly string[] },
): QuarantinedMessage {
  return {
    sha256: hash('sha256', bytes),
    size: bytes.byteLength,
    reason: found.reason,
    pointers: found.pointers ?? [],
    subject: parseAgentSubject(subject) ? subject : `sha256:${sha256Hex(subject)}`,
  };
}
