import { Alert, Code, List, Text } from '@mantine/core';
import { asApiError } from '../api/problem';

/** What failed, where, and the id to give to an operator. */
export function Failure({
  error,
  title = 'That did not work',
}: {
  readonly error: unknown;
  readonly title?: string;
}) {
  const problem = asApiError(error);
  return (
    <Alert color="red" title={title} role="alert">
      <Text size="sm">{problem.message}</Text>
      {problem.errors.length > 0 && (
        <List size="sm" mt="xs">
          {problem.errors.map((one) => (
            <List.Item key={`${one.pointer} ${one.message}`}>
              <Code>{one.pointer || 'request'}</Code> {one.message}
            </List.Item>
          ))}
        </List>
      )}
      <Text size="xs" c="dimmed" mt="xs">
        {problem.code}
        {problem.traceId ? ` · trace ${problem.traceId}` : ''}
      </Text>
    </Alert>
  );
}
