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
  const response = await post(JSON.stringify({ query, variables }));
  const answer = (await response.json().catch(() => null)) as GraphQLAnswer<Data> | null;
  if (answer?.data && !answer.errors?.[0]) return answer.data;
  throw refusal(response.status, answer?.errors?.[0]);
}

async function post(body: string): Promise<Response> {
  try {
    return await fetch('/api/graphql', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body,
    });
  } catch {
    throw new ApiError({ status: 0, code: 'network', detail: 'The control plane does not answer.' });
  }
}

type GraphQLProblem = NonNullable<GraphQLAnswer<unknown>['errors']>[number];

/** GraphQL answers most refusals with 200; the code says what they are. */
function refusal(status: number, error: GraphQLProblem | undefined): ApiError {
  if (!error)
    return new ApiError({ status, code: 'unknown', detail: `The control plane answered ${status}.` });
  const { code = 'unknown', traceId = null, errors = [] } = error.extensions ?? {};
  const known = code === 'auth.required' ? 401 : Math.max(400, status);
  return new ApiError({ status: known, code, detail: error.message, traceId, errors });
}
