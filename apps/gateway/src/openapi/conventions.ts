import type { OpenAPIObject } from '@nestjs/swagger';

export const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
export type Method = (typeof METHODS)[number];
type Operation = NonNullable<OpenAPIObject['paths'][string][Method]>;

export function operationsOf(
  document: OpenAPIObject,
): { readonly path: string; readonly method: Method; readonly operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [{ path, method, operation: item[method] }] : [])),
  );
}

const text = { type: 'string' } as const;

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key with the same body does it once; with another body it is refused (422).',
  schema: { ...text, minLength: 1, maxLength: 200 },
} as const;
const KEY_OF_MANY = {
  ...IDEMPOTENCY_KEY,
  description:
    'The same key with the same body does it once for each policy; with another body each one done is refused.',
} as const;
const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'The ETag of what was read; 412 where it has changed since.',
  schema: text,
} as const;
const POSITION = {
  name: 'Keyfleet-Position',
  in: 'header',
  required: false,
  description: 'Of an earlier write: the answer waits up to 2 s until it holds that write.',
  schema: text,
} as const;

const WRITE_HEADERS = {
  'Keyfleet-Position': { description: 'Send it with a read that must hold this write.', schema: text },
  ETag: { description: 'Revision after the change.', schema: text },
} as const;
const READ_HEADERS = {
  'Keyfleet-Stale': {
    description: '`true` where the position asked for was not reached in time.',
    schema: text,
  },
} as const;

/** The headers every operation of one kind takes and answers; said here once, as the code that reads them is one. */
export function withConventions(operation: Operation, path: string, method: Method): void {
  if (!/^\/api\/v1\/orgs(?:\/|$)/.test(path)) return;
  if (method === 'get') {
    if (
      /\/(?:agents|groups|policies(?!\/(?:templates|certificates))|enrolment-tokens|events)(?:\/|$)/.test(
        path,
      )
    ) {
      add(operation, [POSITION], READ_HEADERS);
    }
    return;
  }
  if (/\/policies\/(?:check|replay|who-can)$/.test(path)) return;
  if (path.endsWith('/policies/bulk')) {
    // It has no one revision, and what it says of each policy comes from the read models.
    const { ETag: _, ...headers } = WRITE_HEADERS;
    return add(operation, [KEY_OF_MANY, POSITION], { ...headers, ...READ_HEADERS });
  }
  const existing = path.endsWith('}') || path.includes('/{policy}/');
  add(operation, existing ? [IDEMPOTENCY_KEY, IF_MATCH] : [IDEMPOTENCY_KEY], WRITE_HEADERS);
}

function add(operation: Operation, parameters: readonly object[], headers: object): void {
  operation.parameters = [...(operation.parameters ?? []), ...(parameters as never[])];
  for (const [status, response] of Object.entries(operation.responses)) {
    if (/^2/.test(status) && response && 'description' in response) Object.assign(response, { headers });
  }
}
