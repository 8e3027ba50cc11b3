import { ApiError } from './problem';

interface GraphQLAnswer<Data> {
  readonly data: Data | null;
  readonly errors?: readonly {
    message: string;
    extensions?: { code?: string; traceId?: string; errors?: { pointer: string; message: string }[] };
  }[];
}

/** One GraphQL query or mutation; throws the first error as an ApiError. */
export async function graphql<Data>(query: string, variables: Record<string, unknown>): Promise<Data> {
  let response: Response;
  try {
    response = await fetch('/api/graphql', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
  } catch {
    throw new ApiError({ status: 0, code: 'network', detail: 'The control plane does not answer.' });
  }
  const answer = (await response.json().catch(() => null)) as GraphQLAnswer<Data> | null;
  const error = answer?.errors?.[0];
  if (answer?.data && !error) return answer.data;
  const code = error?.extensions?.code ?? 'unknown';
  throw new ApiError({
    status: code === 'auth.required' ? 401 : response.status >= 400 ? response.status : 400,
    code,
    detail: error?.message ?? `The control plane answered ${response.status}.`,
    traceId: error?.extensions?.traceId ?? null,
    errors: error?.extensions?.errors ?? [],
  });
}
