import type { AgentPolicyView } from '@keyfleet/contracts/http';
import { Anchor, Group, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { RelativeTime } from '../../time/relative-time';
import { AgentPolicyBadge } from '../policy-state';
import { reasonText } from './reasons';

/** What each agent should decide by, what it does decide by, and why they differ. */
export function AgentPoliciesTable({
  org,
  rows,
}: {
  readonly org: string;
  readonly rows: readonly AgentPolicyView[];
}) {
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table highlightOnHover verticalSpacing="xs" aria-label="Policies of the agents">
        <Table.Thead>
          <Table.Tr>
            {['Agent', 'State', 'Should run', 'Runs', 'Since', 'Policies in it', 'Why'].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Row key={row.agentId} org={org} row={row} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Row({ org, row }: { readonly org: string; readonly row: AgentPolicyView }) {
  return (
    <Table.Tr data-agent={row.name} data-state={row.state}>
      <Table.Td>
        <Link className="plain-link" to="/orgs/$org/agents/$agent" params={{ org, agent: row.agentId }}>
          <Text fw={600} size="sm">
            {row.name}
          </Text>
        </Link>
      </Table.Td>
      <Table.Td>
        <AgentPolicyBadge state={row.state} />
      </Table.Td>
      <Table.Td>
        <Bundle bundle={row.desired} />
      </Table.Td>
      <Table.Td>
        <Bundle bundle={row.actual} />
      </Table.Td>
      <Table.Td>{row.desired ? <RelativeTime at={row.desired.since} /> : '–'}</Table.Td>
      <Table.Td>
        <Group gap={6}>
          {row.policies.map(({ policyId, version }) => (
            <Anchor
              key={policyId}
              component={Link}
              to={`/orgs/${org}/policies/${policyId}`}
              size="xs"
              ff="monospace"
              title={policyId}
            >
              {policyId.slice(-6)} v{version}
            </Anchor>
          ))}
        </Group>
      </Table.Td>
      <Table.Td>
        <Text size="sm">{reasonText(row.reason)}</Text>
      </Table.Td>
    </Table.Tr>
  );
}

function Bundle({ bundle }: { readonly bundle: { version: number; hash: string } | null }) {
  if (!bundle) return <Text size="sm">–</Text>;
  return (
    <Text size="sm" title={bundle.hash} style={{ whiteSpace: 'nowrap' }}>
      {bundle.version}{' '}
      <Text span size="xs" c="dimmed" ff="monospace">
        {bundle.hash.slice(0, 8)}
      </Text>
    </Text>
  );
}
