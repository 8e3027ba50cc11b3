import { Button, Group, Text } from '@mantine/core';

/** An answer that is asked for by somebody only, never by itself. */
export interface OnDemand {
  readonly isStale: boolean;
  readonly isSuccess: boolean;
  readonly isFetching: boolean;
  readonly refetch: () => unknown;
}

/** Says that an answer may not hold any more, and asks again for whoever wants to know. */
export function Outdated({ query, children }: { readonly query: OnDemand; readonly children: string }) {
  if (!query.isSuccess || !query.isStale) return null;
  return (
    <Group gap="xs" role="status" data-testid="outdated">
      <Text size="sm" c="dimmed">
        {children}
      </Text>
      <Button
        size="compact-sm"
        variant="default"
        loading={query.isFetching}
        onClick={() => void query.refetch()}
      >
        Ask again
      </Button>
    </Group>
  );
}
