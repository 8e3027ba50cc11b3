/** A problem document of the API, or of what stands between: it says what failed, and the id to ask about. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly traceId: string | null;
  readonly errors: readonly { pointer: string; message: string }[];

  constructor(problem: {
    status: number;
    code: string;
    detail: string;
    traceId?: string | null;
    errors?: readonly { pointer: string; message: string }[];
  }) {
    super(problem.detail);
    this.name = 'ApiError';
    this.status = problem.status;
    this.code = problem.code;
    this.traceId = problem.traceId ?? null;
    this.errors = problem.errors ?? [];
  }
}

export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** Something is not as whoever asked knew it. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 409 || error.status === 412);
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError({
    status: 0,
    code: 'network',
    detail: 'The control plane does not answer. It is tried again by itself.',
  });
}
