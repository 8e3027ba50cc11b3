import type { PolicySummary } from '@keyfleet/contracts/http';
import { Anchor, Badge, Button, Group, Loader, Stack, Table, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Empty } from '../lists/empty';
import { ExportMenu } from '../lists/export-menu';
import { Failure } from '../lists/failure';
import { FilterBox } from '../lists/filter-box';
import { More } from '../lists/more';
import { RelativeTime } from '../time/relative-time';
import { NewPolicy } from './new-policy';
import { PoliciesNav } from './policies-nav';
import { policiesQuery } from './policy-api';
import { PolicyStateBadge, RolloutBadge } from './policy-state';

export function PoliciesPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { filter = '' } = useSearch({ from: '/orgs/$org/policies' });
  const navigate = useNavigate();
  const query = useInfiniteQuery(policiesQuery(org, filter));
  const [beginning, setBeginning] = useState(false);
  const policies = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const begin = <Button onClick={() => setBeginning(true)}>New policy</Button>;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h3">
          Policies
        </Title>
        <Group gap="sm">
          <ExportMenu
            path={`/orgs/${org}/policies`}
            query={filter ? { filter } : {}}
            name={`${org}-policies`}
          />
          {begin}
        </Group>
      </Group>
      <PoliciesNav org={org} />
      <FilterBox
        filter={filter}
        placeholder='state = published AND name : "payments"'
        onApply={(text) =>
          void navigate({ to: '/orgs/$org/policies', params: { org }, search: { filter: text } })
        }
      />
      {query.isError && <Failure error={query.error} title="The policies could not be read" />}
      {query.isPending && <Loader />}
      {query.isSuccess && policies.length === 0 && (
        <NoPolicies org={org} filtered={filter !== ''} action={begin} />
      )}
      {policies.length > 0 && <PoliciesTable org={org} policies={policies} />}
      <More query={query} />
      <NewPolicy org={org} opened={beginning} onClose={() => setBeginning(false)} />
    </Stack>
  );
}

/** Nothing yet, or nothing that matches: two different things. */
function NoPolicies(props: { readonly org: string; readonly filtered: boolean; readonly action: ReactNode }) {
  if (!props.filtered)
    return (
      <Empty title="No policies yet" action={props.action}>
        A policy says who may do what with which secrets, and when. Begin with a template; nothing changes
        anywhere until you publish and assign it.
      </Empty>
    );
  const clear = (
    <Anchor component={Link} to={`/orgs/${props.org}/policies`}>
      Clear the filter
    </Anchor>
  );
  return (
    <Empty title="No policy matches" action={clear}>
      There are policies, but none that this filter lets through.
    </Empty>
  );
}

interface TableProps {
  readonly org: string;
  readonly policies: readonly PolicySummary[];
}

function PoliciesTable({ org, policies }: TableProps) {
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table highlightOnHover verticalSpacing="xs" aria-label="Policies">
        <Table.Thead>
          <Table.Tr>
            {['Policy', 'State', 'Version', 'Statements', 'Assignments', 'Changed'].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {policies.map((policy) => (
            <Row key={policy.id} org={org} policy={policy} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Row({ org, policy }: { readonly org: string; readonly policy: PolicySummary }) {
  const to = `/orgs/${org}/policies/${policy.id}`;
  return (
    <Table.Tr data-policy={policy.name} data-state={policy.state}>
      <Table.Td>
        <Link
          className="plain-link"
          to="/orgs/$org/policies/$policy"
          params={{ org, policy: policy.id }}
          search={{}}
        >
          <Text fw={600} size="sm">
            {policy.name}
          </Text>
        </Link>
      </Table.Td>
      <Table.Td>
        <Group gap={4}>
          <PolicyStateBadge state={policy.state} />
          {policy.hasDraft && policy.state !== 'draft' && (
            <Badge
              component={Link}
              to={`${to}?tab=draft`}
              variant="outline"
              color="blue"
              style={{ cursor: 'pointer' }}
            >
              draft
            </Badge>
          )}
          {policy.rollout && policy.rollout !== 'completed' && <RolloutBadge state={policy.rollout} />}
        </Group>
      </Table.Td>
      <Table.Td>
        <Count to={`${to}?tab=versions`} value={policy.version} />
      </Table.Td>
      <Table.Td>
        <Count to={policy.version === null ? `${to}?tab=draft` : to} value={policy.statements} />
      </Table.Td>
      <Table.Td>
        <Count to={`${to}?tab=assignments`} value={policy.assignments} />
      </Table.Td>
      <Table.Td>
        <RelativeTime at={policy.changedAt} />
      </Table.Td>
    </Table.Tr>
  );
}

/** Every number leads to its rows. */
function Count({ to, value }: { readonly to: string; readonly value: number | null }) {
  if (value === null) return <Text size="sm">–</Text>;
  return (
    <Anchor component={Link} to={to} size="sm">
      {value}
    </Anchor>
  );
}
