import { ERROR_CODES } from '@keyfleet/kernel';
import { Alert, Button, Code, List, Text } from '@mantine/core';
import { asApiError } from '../api/problem';

/** What to do about a code, where its problem says something else already. */
function remedyOf(code: string, said: string): string | null {
  const [, remedy] = (ERROR_CODES as Readonly<Record<string, readonly [string, string]>>)[code] ?? [];
  return remedy === undefined || remedy === said ? null : remedy;
}

/** What failed, where, what to do about it, and the id to give to an operator. */
export function Failure({
  error,
  title = 'That did not work',
  again,
}: {
  readonly error: unknown;
  readonly title?: string;
  /** What "Try again" does; nothing is offered without it. */
  readonly again?: { readonly run: () => unknown; readonly running: boolean };
}) {
  const problem = asApiError(error);
  const remedy = remedyOf(problem.code, problem.message);
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
      {remedy && (
        <Text size="sm" mt="xs">
          {remedy}
        </Text>
      )}
      <Text size="xs" c="dimmed" mt="xs">
        {problem.code}
        {problem.traceId ? ` · trace ${problem.traceId}` : ''}
      </Text>
      {again && (
        <Button size="xs" variant="default" mt="xs" loading={again.running} onClick={() => void again.run()}>
          Try again
        </Button>
      )}
    </Alert>
  );
}
