import { Anchor, Code, Loader, Stack, Table, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { agentsQuery, type EventFilter, eventsQuery } from '../api/queries';
import type { FleetEvent } from '../api/types';
import { More } from '../lists/more';
import { Unread } from '../lists/unread';
import { RelativeTime } from '../time/relative-time';
import { eventsPath } from './events-path';

interface TimelineProps extends EventFilter {
  readonly org: string;
  /** Shown where there is no such event. */
  readonly empty: ReactNode;
}

/** What happened, newest first. */
export function Timeline({ org, agentId, type, empty }: TimelineProps) {
  const query = useInfiniteQuery(eventsQuery(org, { agentId, type }));
  const names = useAgentNames(org);
  const unread = <Unread query={query} title="The events could not be read" />;
  if (query.data === undefined) return query.isError ? unread : <Loader />;
  const events = query.data.pages.flatMap((page) => page.edges.map(({ node }) => node));
  if (events.length === 0) return query.isError ? unread : empty;
  return (
    <Stack>
      {unread}
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
              <Row key={event.id} org={org} agentId={agentId} event={event} names={names} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <More query={query}>Show older</More>
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
  /** Whose events are shown, where they are of one agent. */
  readonly agentId: string | undefined;
  readonly event: FleetEvent;
  readonly names: ReadonlyMap<string, string>;
}

function Row({ org, agentId, event, names }: RowProps) {
  const type = (
    <Anchor component={Link} to={eventsPath(org, { type: event.type, agentId })} size="sm">
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
