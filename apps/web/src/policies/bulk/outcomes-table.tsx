import type { BulkPolicyItem } from '@keyfleet/contracts/http';
import { Badge, Table, Text } from '@mantine/core';
import { short } from '../policy-api';
import { type BulkAction, sayItem } from './bulk';

const LOOKS: Readonly<Record<BulkPolicyItem['outcome'], { color: string; label: string }>> = {
  would: { color: 'blue', label: 'will change' },
  done: { color: 'teal', label: 'done' },
  unchanged: { color: 'gray', label: 'unchanged' },
  refused: { color: 'red', label: 'refused' },
};

interface OutcomesProps {
  readonly action: BulkAction;
  readonly items: readonly BulkPolicyItem[];
}

/** What would come, or came, of each policy. */
export function OutcomesTable({ action, items }: OutcomesProps) {
  return (
    <Table.ScrollContainer minWidth={480} mah="45vh">
      <Table verticalSpacing="xs" aria-label="Outcome for each policy">
        <Table.Thead>
          <Table.Tr>
            {['Policy', 'Outcome', 'Agents now', 'In words'].map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((item) => (
            <Table.Tr key={item.id} data-bulk={item.name} data-outcome={item.outcome}>
              <Table.Td>
                <Text size="sm" fw={600}>
                  {item.name ?? short(item.id)}
                </Text>
              </Table.Td>
              <Table.Td>
                <Badge color={LOOKS[item.outcome].color} variant="light">
                  {LOOKS[item.outcome].label}
                </Badge>
              </Table.Td>
              <Table.Td>{item.agents ?? '–'}</Table.Td>
              <Table.Td>
                <Text size="sm">{sayItem(action, item)}</Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
