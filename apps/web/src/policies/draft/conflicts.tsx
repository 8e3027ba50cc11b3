import { Alert, Anchor, Code, Stack, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Conflict, StatementRef } from '../policy-api';

interface ConflictsProps {
  readonly org: string;
  readonly policyId: string;
  readonly conflicts: readonly Conflict[];
  /** Beyond those. */
  readonly more: number;
  readonly undecided: number;
  /** Shows a statement of this policy. */
  readonly onShow: (statement: string) => void;
}

/** Statements that get in each other's way, each with a request that shows it. */
export function Conflicts({ org, policyId, conflicts, more, undecided, onShow }: ConflictsProps) {
  const name = (ref: StatementRef) =>
    ref.policyId === policyId ? (
      <Anchor component="button" type="button" fw={600} onClick={() => onShow(ref.statement)}>
        {ref.statement}
      </Anchor>
    ) : (
      <Anchor component={Link} to={`/orgs/${org}/policies/${ref.policyId}`} fw={600}>
        {ref.statement} (in another policy)
      </Anchor>
    );
  return (
    <Stack gap="xs" data-testid="conflicts" data-count={conflicts.length} aria-live="polite">
      {conflicts.length === 0 && (
        <Text size="sm" c="dimmed">
          No statements get in each other's way.
        </Text>
      )}
      {conflicts.map((conflict) => (
        <Alert
          key={`${conflict.kind} ${keyOf(conflict.statement)} ${conflict.other ? keyOf(conflict.other) : ''}`}
          color={conflict.kind === 'contradiction' || conflict.kind === 'shadowed' ? 'orange' : 'yellow'}
          title={TITLE[conflict.kind] ?? conflict.kind}
          data-conflict={conflict.kind}
        >
          <Text size="sm" component="div">
            {explained(conflict, name)}
          </Text>
          {conflict.example && <Example request={conflict.example} />}
        </Alert>
      ))}
      {more > 0 && (
        <Text size="sm" c="dimmed">
          {more} more {more === 1 ? 'conflict is' : 'conflicts are'} not shown.
        </Text>
      )}
      {undecided > 0 && (
        <Text size="sm" c="dimmed">
          {undecided} {undecided === 1 ? 'pair' : 'pairs'} of statements could not be decided within bounds.
        </Text>
      )}
    </Stack>
  );
}

const keyOf = (ref: StatementRef) => `${ref.policyId}/${ref.statement}`;

const TITLE: Readonly<Record<string, string>> = {
  contradiction: 'Contradiction',
  shadowed: 'Shadowed',
  unreachable: 'Never applies',
  redundant: 'Redundant',
  undecided: 'Not decided',
};

function explained({ kind, statement, other }: Conflict, name: (ref: StatementRef) => ReactNode): ReactNode {
  const one = name(statement);
  const two = other ? name(other) : 'other statements';
  switch (kind) {
    case 'contradiction':
      return (
        <>
          {one} allows what {two} denies. The denial wins.
        </>
      );
    case 'shadowed':
      return (
        <>
          All that {one} allows is denied by {two}. It allows nothing.
        </>
      );
    case 'redundant':
      return (
        <>
          All that {one} says, {two} says too. It can go.
        </>
      );
    case 'unreachable':
      return <>No request can ever meet {one}.</>;
    default:
      return (
        <>Whether {one} gets in the way of others was not found out within bounds. Look at it yourself.</>
      );
  }
}

type Request = NonNullable<Conflict['example']>;

/** A request in the words of a person; what it does not have is left out. */
export function Example({ request }: { readonly request: Request }) {
  const tags = Object.entries(request.tags).map(([key, value]) => `${key}=${value}`);
  const lines: readonly [string, string | null][] = [
    ['Caller', request.principal],
    ['Groups', request.groups.join(', ')],
    ['Action', request.action],
    ['Path', request.path],
    ['Signed in by', request.method],
    ['Second factor', request.secondFactor ? 'given' : 'not given'],
    ['Client', request.client],
    ['Reason', request.reason],
    ['Address', request.address],
    ['Tags', tags.join(', ')],
    ['At', request.at],
  ];
  return (
    <>
      <Text size="xs" c="dimmed" mt="xs">
        For example
      </Text>
      <Table withRowBorders={false} verticalSpacing={0} aria-label="Example request">
        <Table.Tbody>
          {lines
            .filter(([, value]) => value !== null && value !== '')
            .map(([label, value]) => (
              <Table.Tr key={label}>
                <Table.Th fw={400} c="dimmed" w={110}>
                  {label}
                </Table.Th>
                <Table.Td>
                  <Code style={{ overflowWrap: 'anywhere' }}>{value}</Code>
                </Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
    </>
  );
}
