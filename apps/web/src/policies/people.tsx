import { Text } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { sessionQuery } from '../api/queries';
import { short } from './policy-api';

/** Whether somebody named in a policy's history is the reader. */
export function useMe(): string {
  return useSuspenseQuery(sessionQuery).data.user.id;
}

/** Events know people by id only; the reader at least knows themself. */
export function Person({ id }: { readonly id: string }) {
  const me = useMe();
  return (
    <Text size="sm" component="span" title={id} ff={id === me ? undefined : 'monospace'}>
      {id === me ? 'you' : short(id)}
    </Text>
  );
}
