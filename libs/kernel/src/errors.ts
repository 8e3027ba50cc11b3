/** How a caller should react; the transport maps a kind, never a code. */
export type ErrorKind =
  | 'invalid' // the request can never succeed as it is
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'precondition-failed' // If-Match named another revision
  | 'unprocessable' // the same key with another body
  | 'too-large'
  | 'rate-limited'
  | 'unavailable'
  | 'internal';

/** Every code Keyfleet answers with, what kind it is and what to do about it. */
export const ERROR_CODES = {
  'request.invalid': ['invalid', 'The request does not fit its schema.'],
  'request.malformed': ['invalid', 'The request body could not be read.'],
  'request.too-large': ['too-large', 'The request is larger than this operation takes.'],
  'request.unknown-operation': ['not-found', 'There is no such operation.'],
  'filter.invalid': ['invalid', 'The filter could not be understood.'],
  'cursor.invalid': ['invalid', 'The cursor is not one this list gave out.'],
  'graphql.refused': ['invalid', 'The GraphQL operation is beyond the limits of this API.'],
  'auth.required': ['unauthenticated', 'Sign in first, or send a valid API token.'],
  'auth.failed': ['unauthenticated', 'E-mail or password is wrong.'],
  'auth.forbidden': ['forbidden', 'Your role does not allow this.'],
  'auth.origin': ['forbidden', 'The request came from a foreign origin.'],
  'resource.not-found': ['not-found', 'There is nothing under this name that you may see.'],
  'resource.conflict': ['conflict', 'The state of the resource does not allow this.'],
  'resource.exists': ['conflict', 'Something with this name exists already.'],
  'revision.mismatch': ['precondition-failed', 'It was changed since you read it; read it again.'],
  'revision.conflict': ['conflict', 'Somebody else changed it at the same moment; try again.'],
  'idempotency.mismatch': ['unprocessable', 'This Idempotency-Key was used with another body.'],
  'idempotency.shown-once': ['conflict', 'This was done already; the secret is shown only once.'],
  'rate.limited': ['rate-limited', 'Too many attempts; wait before the next one.'],
  'enrolment.busy': ['rate-limited', 'Many agents are enrolling; try again after the time named.'],
  'enrolment.token-invalid': [
    'unauthenticated',
    'The enrolment token is unknown, used up, expired or revoked; issue a new one.',
  ],
  'enrolment.csr-invalid': ['invalid', 'The certificate request is not acceptable.'],
  'enrolment.key-taken': ['conflict', 'This agent key belongs to an agent already; enrol with a new key.'],
  'agent.unknown': ['not-found', 'There is no such agent.'],
  'agent.revoked': ['forbidden', 'This agent was revoked; enrol it again with a new token.'],
  'agent.signature-invalid': ['unauthenticated', 'The signature does not match the enrolled key.'],
  'agent.renewal-stale': ['unauthenticated', 'The renewal is too old or was used before; sign a new one.'],
  'policy.invalid': ['invalid', 'The policy has errors; each is named with its line and column.'],
  'policy.not-reviewed': ['conflict', 'The draft needs an approving review by somebody else first.'],
  'policy.own-review': ['forbidden', 'Whoever wrote a draft does not review it.'],
  'policy.rollout-running': ['conflict', 'A rollout of this policy is under way; finish or halt it first.'],
  'policy.name-taken': ['conflict', 'Another policy of this organisation has this name.'],
  'command.expired': ['invalid', 'The command is past its time.'],
  'secret.not-found': ['not-found', 'There is no secret at this path that you may see.'],
  'secret.too-large': ['too-large', 'A secret value may have at most 1 MiB.'],
  'secret.version-not-found': ['not-found', 'This secret has no such version.'],
  'secret.version-mismatch': [
    'precondition-failed',
    'The secret has another version than the one you named.',
  ],
  'vault.sealed': ['unavailable', 'The vault has no master key; check its key file.'],
  'vault.degraded': [
    'unavailable',
    'The disk refused a write; reads go on, changes wait until it is repaired.',
  ],
  'vault.integrity': ['internal', 'A stored value failed its integrity check.'],
  'journal.entry-too-large': ['too-large', 'The entry would exceed 32 KiB; shorten names and labels.'],
  'store.unavailable': ['unavailable', 'A backing store does not answer; nothing was changed.'],
  'service.unavailable': ['unavailable', 'The service does not answer; nothing is known about the outcome.'],
  'internal.error': ['internal', 'Something failed on our side; give the trace id to your operator.'],
} as const satisfies Record<string, readonly [ErrorKind, string]>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One place in the request that is wrong. */
export interface ErrorPointer {
  /** JSON pointer into the body, or `query/<name>`, `header/<name>`. */
  readonly pointer: string;
  readonly message: string;
}

export interface ErrorDetails {
  readonly detail?: string;
  readonly errors?: readonly ErrorPointer[];
  readonly retryAfterMs?: number;
  /** Ids only, for the caller to go on with. */
  readonly extensions?: Readonly<Record<string, string | number | boolean>>;
}

/** The one error of the domain and its handlers; recognised by code with `isKeyfleetError`. */
export class KeyfleetError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(details.detail ?? ERROR_CODES[code][1]);
    this.name = 'KeyfleetError';
    this.code = code;
    this.details = details;
  }
}

/** By code, not by class: it holds across packages and after serialisation. */
export function isKeyfleetError(error: unknown, code?: ErrorCode): error is KeyfleetError {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  const found = error.code;
  return typeof found === 'string' && found in ERROR_CODES && (code === undefined || found === code);
}

export function kindOf(code: ErrorCode): ErrorKind {
  return ERROR_CODES[code][0];
}
