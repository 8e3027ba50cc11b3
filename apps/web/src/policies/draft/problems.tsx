import type { PolicyCheck } from '@keyfleet/contracts/http';
import { Alert, Anchor, List, Loader, Text } from '@mantine/core';
import { Failure } from '../../lists/failure';

type Problem = PolicyCheck['problems'][number];

/** What keeps the text from being a policy, each at its line and column; a click leads there. */
export function Problems({
  check,
  onShow,
}: {
  readonly check: {
    readonly data: PolicyCheck | undefined;
    readonly error: Error | null;
    readonly isFetching: boolean;
  };
  readonly onShow: (problem: Problem) => void;
}) {
  const problems = check.data?.problems ?? [];
  return (
    <div id="policy-problems" aria-live="polite" data-testid="problems" data-count={problems.length}>
      {check.error && <Failure error={check.error} title="It could not be checked" />}
      {problems.length > 0 && (
        <Alert color="red" title={`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`}>
          <List size="sm" spacing={4}>
            {problems.map((problem) => (
              <List.Item key={`${problem.line} ${problem.column} ${problem.pointer} ${problem.message}`}>
                <Anchor component="button" type="button" size="sm" ta="left" onClick={() => onShow(problem)}>
                  Line {problem.line}, column {problem.column}
                </Anchor>
                <Text size="sm">{problem.message}</Text>
                <Text size="xs" c="dimmed">
                  {problem.code}
                </Text>
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
      {check.data && problems.length === 0 && (
        <Text size="sm" c="dimmed">
          No problems in the text.
        </Text>
      )}
      {check.isFetching && <Loader size="xs" aria-label="Checking" />}
    </div>
  );
}
