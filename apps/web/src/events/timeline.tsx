import { Anchor, Button, Code, Loader, Stack, Table, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { agentsQuery, eventsQuery } from '../api/queries';
import type { FleetEvent } from '../api/types';
import { Empty } from '../lists/empty';
import { Failure } from '../lists/failure';
import { RelativeTime } from '../time/relative-time';

interface TimelineProps {
  readonly org: string;
  readonly agentId?: string | undefined;
  readonly type?: string | undefined;
}

/** What happened, newest first. */
export function Timeline({ org, agentId, type }: TimelineProps) {
  const query = useInfiniteQuery(eventsQuery(org, { agentId, type }));
  const names = useAgentNames(org);
  const events = query.data?.pages.flatMap((page) => page.edges.map(({ node }) => node)) ?? [];
  if (query.isPending) return <Loader />;
  if (query.isError) return <Failure error={query.error} title="The events could not be read" />;
  if (events.length === 0) {
    return type === undefined ? (
      <Empty title="Nothing happened yet">
        Events of the agents and of the people who manage them appear here as they happen.
      </Empty>
    ) : (
      <Empty
        title="No event matches"
        action={
          <Anchor component={Link} to={`/orgs/${org}/events`}>
            Clear the filter
          </Anchor>
        }
      >
        There is no event of this kind.
      </Empty>
    );
  }
  return (
    <Stack>
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing="xs" aria-label="Events">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>When</Table.Th>
              <Table.Th>Event</Table.Th>
              <Table.Th>By</Table.Th>
              <Table.Th>What</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {events.map((event) => (
              <Row key={event.id} org={org} event={event} names={names} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {query.hasNextPage && (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show older
        </Button>
      )}
    </Stack>
  );
}

/** Of the first page of agents, which other pages keep in the cache anyway; whoever is not on it is shown by id. */
function useAgentNames(org: string): ReadonlyMap<string, string> {
  const { data } = useInfiniteQuery(agentsQuery(org, ''));
  return useMemo(
    () => new Map(data?.pages.flatMap((page) => page.agents.edges.map(({ node }) => [node.id, node.name]))),
    [data],
  );
}

interface RowProps {
  readonly org: string;
  readonly event: FleetEvent;
  readonly names: ReadonlyMap<string, string>;
}

function Row({ org, event, names }: RowProps) {
  const type = (
    <Anchor component={Link} to={`/orgs/${org}/events?type=${event.type}`} size="sm">
      {event.type}
    </Anchor>
  );
  const byAgent = event.actor.startsWith('agt_');
  return (
    <Table.Tr data-event={event.type}>
      <Table.Td>
        <RelativeTime at={event.at} />
      </Table.Td>
      <Table.Td>{type}</Table.Td>
      <Table.Td>
        {byAgent ? (
          <Anchor
            component={Link}
            to={`/orgs/${org}/agents/${event.actor}`}
            size="xs"
            title={event.actor}
            style={{ whiteSpace: 'nowrap' }}
          >
            {names.get(event.actor) ?? short(event.actor)}
          </Anchor>
        ) : (
          <Text size="xs" ff="monospace" style={{ whiteSpace: 'nowrap' }}>
            {short(event.actor)}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Code style={{ overflowWrap: 'anywhere', whiteSpace: 'normal' }}>{summary(event)}</Code>
      </Table.Td>
    </Table.Tr>
  );
}

const short = (id: string) => (id.length > 16 ? `${id.slice(0, 4)}…${id.slice(-6)}` : id);

/** What an event says, for a person; everything else is in the export. */
function summary({ type, data }: FleetEvent): string {
  if (type === 'UsageReported') return usage(data['rows']);
  const shown = Object.entries(data).filter(
    ([key, value]) => key !== 'agentId' && value !== null && value !== false && !isEmpty(value),
  );
  const text = shown
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
  return text.length > 240 ? `${text.slice(0, 240)}…` : text || '–';
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function usage(rows: unknown): string {
  if (!Array.isArray(rows)) return '–';
  const classes = rows as { count?: number; outcome?: string }[];
  const total = classes.reduce((sum, row) => sum + (row.count ?? 0), 0);
  const refused = classes
    .filter((row) => row.outcome === 'denied')
    .reduce((sum, row) => sum + (row.count ?? 0), 0);
  return `${total} requests of ${classes.length} kinds${refused > 0 ? `, ${refused} denied` : ''}`;
}
