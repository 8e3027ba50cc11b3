import type { PolicyReplay, PolicyView } from '@keyfleet/contracts/http';
import { Anchor, Badge, Button, Code, Group, NumberInput, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { rest } from '../../api/rest';
import { download } from '../../lists/download';
import { Empty } from '../../lists/empty';
import { Failure } from '../../lists/failure';
import { tabOf } from '../tabs';
import { exportName, replayCsv } from './export';
import { type FlipGroup, grouped } from './flips';

interface ReplayProps {
  readonly org: string;
  readonly policy: PolicyView;
}

/** What the saved draft would have decided otherwise in the last days. */
export function ReplayTab({ org, policy }: ReplayProps) {
  const [days, setDays] = useState<number | string>(7);
  const document = policy.draft?.document;
  const replay = useMutation({
    mutationFn: () =>
      rest<PolicyReplay>('POST', `/orgs/${org}/policies/replay`, {
        content: { document },
        policyId: policy.id,
        days: Number(days),
      }),
  });
  if (!document)
    return (
      <Empty
        title="No draft to try"
        action={
          <Anchor component={Link} to={tabOf(org, policy.id, 'draft')}>
            Write one
          </Anchor>
        }
      >
        A replay runs the requests of the last days against the saved draft and shows every decision that
        would be another.
      </Empty>
    );
  return (
    <Stack>
      <Group align="flex-end">
        <NumberInput label="Days to replay" min={1} max={90} value={days} onChange={setDays} w={140} />
        <Button loading={replay.isPending} onClick={() => replay.mutate()}>
          Replay draft {policy.draft?.draft}
        </Button>
        {replay.data && replay.data.flips.length > 0 && (
          <Button
            variant="default"
            onClick={() => download(`${policy.name}-replay.csv`, 'text/csv', replayCsv(replay.data))}
          >
            {exportName(replay.data)}
          </Button>
        )}
      </Group>
      {replay.isError && <Failure error={replay.error} title="It could not be replayed" />}
      {replay.data && <Outcome outcome={replay.data} />}
    </Stack>
  );
}

function Outcome({ outcome }: { readonly outcome: PolicyReplay }) {
  const { requests, classes, unchanged, undecidable, more, flips, days } = outcome;
  if (classes === 0)
    return (
      <Empty title="No requests in this time">
        No agent reported a request in the last {days} days, so there is nothing to compare with.
      </Empty>
    );
  return (
    <Stack data-testid="replay">
      <Text>
        <strong>{requests}</strong> requests of {classes} kinds in {days} days: <strong>{unchanged}</strong>{' '}
        decided as before, <strong>{undecidable}</strong> not decidable.
      </Text>
      {undecidable > 0 && (
        <Text size="sm" c="dimmed">
          Not decidable: the draft asks about something that is not recorded with a request, such as its exact
          address or the moment within the minute. Those kinds are listed below where they are shown.
        </Text>
      )}
      {flips.length === 0 ? (
        <Empty title="Nothing would change">Every recorded request would be decided as it was.</Empty>
      ) : (
        grouped(flips).map((group) => <Flips key={`${group.from} ${group.to}`} group={group} />)
      )}
      {more > 0 && (
        <Text size="sm" c="dimmed">
          {more} more kinds of requests are not shown.
        </Text>
      )}
    </Stack>
  );
}

const COLOUR: Readonly<Record<string, string>> = { allowed: 'teal', denied: 'red', undecidable: 'gray' };

function Flips({ group }: { readonly group: FlipGroup }) {
  return (
    <section aria-label={`${group.from} to ${group.to}`} data-flip={`${group.from} ${group.to}`}>
      <Title order={3} size="h5">
        <Badge color={COLOUR[group.from]}>{group.from}</Badge> →{' '}
        <Badge color={COLOUR[group.to]}>{group.to}</Badge> {group.requests} requests of {group.flips.length}{' '}
        kinds by {group.principals} {group.principals === 1 ? 'caller' : 'callers'}
      </Title>
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              {['Caller', 'Action', 'Path', 'Requests', 'Agents', 'By'].map((name) => (
                <Table.Th key={name}>{name}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {group.flips.map((flip) => (
              <Table.Tr key={`${flip.principal} ${flip.action} ${flip.path} ${flip.by?.statement}`}>
                <Table.Td>{flip.principal}</Table.Td>
                <Table.Td>{flip.action}</Table.Td>
                <Table.Td>
                  <Code style={{ overflowWrap: 'anywhere' }}>{flip.path ?? '@vault'}</Code>
                </Table.Td>
                <Table.Td>{flip.requests}</Table.Td>
                <Table.Td>{flip.agents}</Table.Td>
                <Table.Td>{flip.by?.statement ?? 'no statement'}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}
