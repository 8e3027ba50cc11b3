import type { PolicyView } from '@keyfleet/contracts/http';
import { Button, Stack, Table, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { agentsQuery } from '../../api/queries';
import { Empty } from '../../lists/empty';
import { Failure } from '../../lists/failure';
import { RelativeTime } from '../../time/relative-time';
import { Person } from '../people';
import { groupsQuery, targetText } from '../policy-api';
import { usePolicyWrite } from '../policy-write';
import { AssignForm } from './assign-form';

interface AssignmentsProps {
  readonly org: string;
  readonly policy: PolicyView;
}

/** Whom a policy is for; those of several assignments are united. */
export function AssignmentsTab({ org, policy }: AssignmentsProps) {
  const names = useNames(org);
  const remove = usePolicyWrite<string>(org, (id) => ['DELETE', `/${policy.id}/assignments/${id}`]);
  const list = policy.assignmentList;
  return (
    <Stack>
      {list.length === 0 && (
        <Empty title="Assigned to nobody">A published policy decides only where it is assigned.</Empty>
      )}
      {list.length > 0 && (
        <Table verticalSpacing="xs" aria-label="Assignments">
          <Table.Thead>
            <Table.Tr>
              {['For', 'Assigned', 'By', ''].map((name) => (
                <Table.Th key={name}>{name}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {list.map(({ id, target, assignedAt, assignedBy }) => (
              <Table.Tr key={id} data-target={target.kind}>
                <Table.Td>{targetText(target, names)}</Table.Td>
                <Table.Td>
                  <RelativeTime at={assignedAt} />
                </Table.Td>
                <Table.Td>
                  <Person id={assignedBy} />
                </Table.Td>
                <Table.Td>
                  <Button
                    size="compact-sm"
                    color="red"
                    variant="light"
                    loading={remove.isPending && remove.variables === id}
                    aria-label={`Take back: ${targetText(target, names)}`}
                    onClick={() => remove.mutate(id)}
                  >
                    Take back
                  </Button>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {remove.isError && <Failure error={remove.error} title="The assignment stays" />}
      {policy.state !== 'retired' && (
        <>
          <Title order={2} size="h5">
            Assign to
          </Title>
          <AssignForm org={org} policyId={policy.id} />
        </>
      )}
    </Stack>
  );
}

/** Of groups, and of the agents on the first page of them. */
function useNames(org: string): ReadonlyMap<string, string> {
  const groups = useQuery(groupsQuery(org));
  const agents = useInfiniteQuery(agentsQuery(org, ''));
  return useMemo(
    () =>
      new Map([
        ...(groups.data?.items ?? []).map(({ id, name }) => [id, name] as const),
        ...(agents.data?.pages ?? []).flatMap((page) =>
          page.agents.edges.map(({ node }) => [node.id, node.name] as const),
        ),
      ]),
    [groups.data, agents.data],
  );
}
