import type { Problem } from '@keyfleet/contracts/http';
import {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorKind,
  isKeyfleetError,
  kindOf,
} from '@keyfleet/kernel';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
const DOCUMENTATION = 'https://keyfleet.dev/errors/';

const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'precondition-failed': 412,
  'too-large': 413,
  unprocessable: 422,
  'rate-limited': 429,
  internal: 500,
  unavailable: 503,
};

const TITLE: Readonly<Record<ErrorKind, string>> = {
  invalid: 'The request is not valid',
  unauthenticated: 'Not signed in',
  forbidden: 'Not allowed',
  'not-found': 'Not found',
  conflict: 'Conflict',
  'precondition-failed': 'Changed in the meantime',
  'too-large': 'Too large',
  unprocessable: 'The request contradicts an earlier one',
  'rate-limited': 'Too many requests',
  internal: 'Internal error',
  unavailable: 'Temporarily unavailable',
};

/** Errors of the HTTP framework, which know a status only. */
const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'request.malformed',
  401: 'auth.required',
  403: 'auth.forbidden',
  404: 'request.unknown-operation',
  405: 'request.unknown-operation',
  413: 'request.too-large',
  415: 'request.malformed',
  429: 'rate.limited',
  503: 'service.unavailable',
};

export function kindToStatus(kind: ErrorKind): number {
  return STATUS[kind];
}

export interface ProblemContext {
  /** The path of the request, without its query. */
  readonly instance: string;
  readonly traceId: string;
  /** Where the pages about codes stand; must end with a slash. */
  readonly documentation?: string;
}

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Problem;
}

/** An RFC 9457 problem document for any error. What is not ours becomes `internal.error` and shows nothing of itself. */
export function toProblem(error: unknown, context: ProblemContext): ProblemAnswer {
  const { code, details } = understand(error);
  const kind = kindOf(code);
  const status = kindToStatus(kind);
  const body: Problem = {
    ...details.extensions,
    type: `${context.documentation ?? DOCUMENTATION}${code}`,
    title: TITLE[kind],
    status,
    code,
    detail: details.detail ?? ERROR_CODES[code][1],
    instance: context.instance,
    traceId: context.traceId,
    ...(details.errors ? { errors: details.errors.map((one) => ({ ...one })) } : {}),
  };
  return { status, headers: headersFor(details), body };
}

/** Whether the error is a fault of ours, worth a log line with its stack. */
export function isUnexpected(error: unknown): boolean {
  return kindOf(understand(error).code) === 'internal';
}

function headersFor(details: ErrorDetails): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': PROBLEM_CONTENT_TYPE,
    'cache-control': 'no-store',
  };
  if (details.retryAfterMs !== undefined)
    headers['retry-after'] = String(Math.max(1, Math.ceil(details.retryAfterMs / 1_000)));
  return headers;
}

function understand(error: unknown): { code: ErrorCode; details: ErrorDetails } {
  if (isKeyfleetError(error)) return { code: error.code, details: error.details ?? {} };
  const issues = issuesOf(error);
  if (issues) return { code: 'request.invalid', details: { errors: issues.map(toPointer) } };
  return { code: CODE_BY_STATUS[statusOf(error) ?? 0] ?? 'internal.error', details: {} };
}

interface Issue {
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
  readonly message: string;
}

/** zod's errors and those of any Standard Schema validator, recognised by shape. */
function issuesOf(error: unknown): readonly Issue[] | undefined {
  if (typeof error !== 'object' || error === null || !('issues' in error)) return undefined;
  return Array.isArray(error.issues) ? (error.issues as Issue[]) : undefined;
}

function toPointer(issue: Issue): { pointer: string; message: string } {
  const segments = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  return {
    pointer: segments.map((part) => `/${escapeSegment(String(part))}`).join(''),
    message: issue.message,
  };
}

/** RFC 6901. */
function escapeSegment(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Fastify's errors carry `statusCode`, Nest's answer `getStatus()`. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('getStatus' in error && typeof error.getStatus === 'function') return Number(error.getStatus());
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
