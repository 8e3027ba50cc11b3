import { ApiError } from './problem';

interface Problem {
  readonly status?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly traceId?: string;
  readonly errors?: readonly { pointer: string; message: string }[];
}

/** One call of the REST API; throws an ApiError for anything but success. */
export async function rest<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  } catch {
    throw new ApiError({ status: 0, code: 'network', detail: 'The control plane does not answer.' });
  }
  if (response.status === 204) return undefined as Answer;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer as Answer;
  const problem = (answer ?? {}) as Problem;
  throw new ApiError({
    status: response.status,
    code: problem.code ?? 'unknown',
    detail: problem.detail ?? `The control plane answered ${response.status}.`,
    ...(problem.traceId === undefined ? {} : { traceId: problem.traceId }),
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  });
}
