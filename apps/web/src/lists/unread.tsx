import { Failure } from './failure';

export interface Reading {
  readonly isError: boolean;
  readonly isFetching: boolean;
  readonly error: unknown;
  readonly refetch: () => unknown;
  /** Of a list whose next page could not be read. */
  readonly isFetchNextPageError?: boolean;
  readonly fetchNextPage?: () => unknown;
}

/** Says that something could not be read, beside whatever was read of it before: that stays on screen. */
export function Unread({ query, title }: { readonly query: Reading; readonly title: string }) {
  if (!query.isError) return null;
  const run = () => (query.isFetchNextPageError ? query.fetchNextPage?.() : query.refetch());
  return <Failure error={query.error} title={title} again={{ run, running: query.isFetching }} />;
}
