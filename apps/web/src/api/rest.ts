import { ApiError } from './problem';

interface Problem {
  readonly status?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly traceId?: string;
  readonly errors?: readonly { pointer: string; message: string }[];
}

/** How long after a write its writer's reads wait for it; by then every projection shows it anyway. */
const OWN_WRITE_MS = 10_000;
let ownWrite = { position: '', until: 0 };

/** One call of the REST API; throws an ApiError for anything but success. What was written here is seen by reads after it. */
export async function rest<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await call(method, path, body);
  const position = response.headers.get('keyfleet-position');
  if (position !== null) ownWrite = { position, until: Date.now() + OWN_WRITE_MS };
  if (response.status === 204) return undefined as Answer;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as Answer;
  throw refusal(response.status, (answer ?? {}) as Problem);
}

async function call(method: string, path: string, body: unknown): Promise<Response> {
  const waits = (method === 'GET' || path.endsWith('?dryRun=true')) && Date.now() < ownWrite.until;
  try {
    return await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(waits ? { 'keyfleet-position': ownWrite.position } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError({ status: 0, code: 'network', detail: 'The control plane does not answer.' });
  }
}

function refusal(status: number, problem: Problem): ApiError {
  return new ApiError({
    status,
    code: problem.code ?? 'unknown',
    detail: problem.detail ?? `The control plane answered ${status}.`,
    ...(problem.traceId === undefined ? {} : { traceId: problem.traceId }),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  });
}
