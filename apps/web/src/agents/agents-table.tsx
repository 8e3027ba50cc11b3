import { Badge, Group, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { createColumnHelper, tableFeatures, useTable } from '@tanstack/react-table';
import { useEffect, useRef } from 'react';
import type { Agent } from '../api/types';
import { RelativeTime } from '../time/relative-time';
import { AgentStateBadge } from './agent-state';

const features = tableFeatures({});
const helper = createColumnHelper<typeof features, Agent>();

function columnsOf(org: string) {
  return helper.columns([
    helper.accessor('name', {
      header: 'Agent',
      cell: ({ row: { original } }) => (
        <Link className="plain-link" to="/orgs/$org/agents/$agent" params={{ org, agent: original.id }}>
          <Text fw={600} size="sm">
            {original.name}
          </Text>
        </Link>
      ),
    }),
    helper.accessor('state', {
      header: 'State',
      cell: ({ row: { original } }) => <AgentStateBadge state={original.state} />,
    }),
    helper.accessor('version', {
      header: 'Version',
      cell: ({ row: { original } }) => <Text size="sm">{original.version}</Text>,
    }),
    helper.accessor('lastSeenAt', {
      header: 'Last seen',
      cell: ({ row: { original } }) => <RelativeTime at={original.lastSeenAt} />,
    }),
    helper.accessor('lastEvent', {
      header: 'Last event',
      cell: ({ row: { original } }) =>
        original.lastEvent ? (
          <Group gap="xs" wrap="nowrap">
            <Text size="sm">{original.lastEvent.type}</Text>
            <RelativeTime at={original.lastEvent.at} />
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            none
          </Text>
        ),
    }),
    helper.accessor('secrets', {
      header: 'Secrets',
      cell: ({ row: { original } }) => <Text size="sm">{original.secrets ?? '–'}</Text>,
    }),
    helper.accessor('labels', {
      header: 'Labels',
      cell: ({ row: { original } }) => (
        <Group gap={4}>
          {Object.entries(original.labels).map(([key, value]) => (
            <Badge key={key} variant="default" tt="none" fw={400}>
              {key}={value}
            </Badge>
          ))}
        </Group>
      ),
    }),
  ]);
}

const cache = new Map<string, ReturnType<typeof columnsOf>>();
function columnsFor(org: string) {
  let columns = cache.get(org);
  if (!columns) cache.set(org, (columns = columnsOf(org)));
  return columns;
}

/** The fleet as rows; one that changes its state lights up for a moment. */
export function AgentsTable({ org, agents }: { readonly org: string; readonly agents: Agent[] }) {
  const table = useTable({ features, columns: columnsFor(org), data: agents, getRowId: (agent) => agent.id });
  const before = useRef(new Map<string, string>());
  const changed = new Set(
    agents
      .filter((agent) => (before.current.get(agent.id) ?? agent.state) !== agent.state)
      .map((agent) => agent.id),
  );
  useEffect(() => {
    before.current = new Map(agents.map((agent) => [agent.id, agent.state]));
  }, [agents]);
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table highlightOnHover verticalSpacing="xs" aria-label="Agents">
        <Table.Thead>
          {table.getHeaderGroups().map((group) => (
            <Table.Tr key={group.id}>
              {group.headers.map((header) => (
                <Table.Th key={header.id}>
                  <table.FlexRender header={header} />
                </Table.Th>
              ))}
            </Table.Tr>
          ))}
        </Table.Thead>
        <Table.Tbody>
          {table.getRowModel().rows.map((row) => (
            <Table.Tr
              key={row.id}
              data-agent={row.original.name}
              data-state={row.original.state}
              className={changed.has(row.id) ? 'row-changed' : ''}
            >
              {row.getAllCells().map((cell) => (
                <Table.Td key={cell.id}>
                  <table.FlexRender cell={cell} />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
