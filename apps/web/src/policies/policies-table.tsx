import type { PolicySummary } from '@keyfleet/contracts/http';
import { Anchor, Badge, Checkbox, Group, Table, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { RelativeTime } from '../time/relative-time';
import { allToggled, chosenOf, toggled } from './bulk/selection';
import { PolicyStateBadge, RolloutBadge } from './policy-state';

interface TableProps {
  readonly org: string;
  readonly policies: readonly PolicySummary[];
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (chosen: ReadonlySet<string>) => void;
}

export function PoliciesTable({ org, policies, chosen, onChoose }: TableProps) {
  const count = chosenOf(policies, chosen).length;
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table highlightOnHover verticalSpacing="xs" aria-label="Policies">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={36}>
              <Checkbox
                aria-label="Choose all shown"
                checked={count === policies.length}
                indeterminate={count > 0 && count < policies.length}
                onChange={() => onChoose(allToggled(policies, chosen))}
              />
            </Table.Th>
            {['Policy', 'State', 'Version', 'Statements', 'Assignments', 'Changed'].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {policies.map((policy) => (
            <Row
              key={policy.id}
              org={org}
              policy={policy}
              chosen={chosen.has(policy.id)}
              onToggle={() => onChoose(toggled(chosen, policy.id))}
            />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

interface RowProps {
  readonly org: string;
  readonly policy: PolicySummary;
  readonly chosen: boolean;
  readonly onToggle: () => void;
}

const CHOSEN = 'var(--mantine-color-default-hover)';

function Row({ org, policy, chosen, onToggle }: RowProps) {
  const to = `/orgs/${org}/policies/${policy.id}`;
  return (
    <Table.Tr data-policy={policy.name} data-state={policy.state} bg={chosen ? CHOSEN : undefined}>
      <Table.Td>
        <Checkbox aria-label={`Choose ${policy.name}`} checked={chosen} onChange={onToggle} />
      </Table.Td>
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
