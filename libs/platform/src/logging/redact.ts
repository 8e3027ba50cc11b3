/** Fields whose content is never written, wherever they stand. */
const FORBIDDEN =
  /^(.*(password|passphrase|secret|token|cookie|authorization|credentials?|seed|private_?key|api_?key|master_?key)|value|values|plaintext|jwt|creds)$/i;
/** Names that end like a forbidden one and only say where or when. */
const HARMLESS = /(_?(file|path|id|name|count|hash|expires_?at|type|version))$/i;
const HIDDEN = '[redacted]';
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;

/** Our own tokens and passwords in URLs, wherever they stand in a text. */
export function scrub(text: string): string {
  return withoutCredentials(text)
    .replace(/\b(kfe?_)[A-Za-z0-9_-]{16,}/g, `$1${HIDDEN}`)
    .replace(/\bS[UAO][A-Z2-7]{56}\b/g, HIDDEN)
    .replace(/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, HIDDEN);
}

/** `postgres://user:password@host` without what stands before the `@`. */
export function withoutCredentials(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s@"']*@/gi, '$1***@');
}

/** A copy fit for a log line: forbidden fields hidden, texts scrubbed, depth bounded, errors as plain fields. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  return redactObject(value, depth);
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1));
  if (isError(value)) return redactError(value, depth);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, redactField(key, inner, depth)]),
  );
}

function redactField(key: string, inner: unknown, depth: number): unknown {
  if (FORBIDDEN.test(key) && !HARMLESS.test(key)) return inner === undefined ? undefined : HIDDEN;
  return redact(inner, depth + 1);
}

/** Errors of other realms and packages too: what has a message and a stack is one. */
function isError(value: object): value is Error & { code?: unknown } {
  return value instanceof Error || ('message' in value && 'stack' in value);
}

/** Of an error only these: drivers put statements, parameters and whole requests beside them. */
function redactError(error: Error & { code?: unknown }, depth: number): unknown {
  return {
    type: error.name,
    message: scrub(error.message),
    ...(typeof error.code === 'string' ? { code: error.code } : {}),
    stack: scrub(error.stack ?? ''),
    ...(error.cause !== undefined ? { cause: redact(error.cause, depth + 1) } : {}),
  };
}
