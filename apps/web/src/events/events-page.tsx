import { Anchor, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { agentQuery, type EventFilter } from '../api/queries';
import { Empty } from '../lists/empty';
import { ExportMenu } from '../lists/export-menu';
import { eventsPath } from './events-path';
import { Timeline } from './timeline';

export function EventsPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { type, agentId } = useSearch({ from: '/orgs/$org/events' });
  const query: Record<string, string> = { ...(type ? { type } : {}), ...(agentId ? { agentId } : {}) };
  const filtered = type !== undefined || agentId !== undefined;
  return (
    <Stack>
      <Group justify="space-between">
        <Group>
          <Title order={1} size="h3">
            Events
          </Title>
          {type && (
            <Part name="type" value={type} without={eventsPath(org, { agentId })}>
              all types
            </Part>
          )}
          {agentId && <OfAgent org={org} agentId={agentId} type={type} />}
        </Group>
        <ExportMenu path={`/orgs/${org}/events`} query={query} name={`${org}-events`} />
      </Group>
      <Timeline org={org} type={type} agentId={agentId} empty={<NoEvents org={org} filtered={filtered} />} />
    </Stack>
  );
}

interface PartProps {
  readonly name: string;
  readonly value: string;
  /** Where the events are that this part of the filter leaves out. */
  readonly without: string;
  readonly children: string;
}

function Part({ name, value, without, children }: PartProps) {
  return (
    <Text size="sm" data-filter={name}>
      of {name} <strong>{value}</strong> ·{' '}
      <Anchor component={Link} to={without}>
        {children}
      </Anchor>
    </Text>
  );
}

/** By its name, once that is known. */
function OfAgent({ org, agentId, type }: EventFilter & { readonly org: string; readonly agentId: string }) {
  const { data } = useQuery(agentQuery(org, agentId));
  return (
    <Part name="agent" value={data?.name ?? agentId} without={eventsPath(org, { type })}>
      all agents
    </Part>
  );
}

/** Nothing yet, or nothing that matches: two different things. */
function NoEvents({ org, filtered }: { readonly org: string; readonly filtered: boolean }) {
  if (!filtered)
    return (
      <Empty title="Nothing happened yet">
        Events of the agents and of the people who manage them appear here as they happen.
      </Empty>
    );
  const clear = (
    <Anchor component={Link} to={eventsPath(org, {})}>
      Clear the filter
    </Anchor>
  );
  return (
    <Empty title="No event matches" action={clear}>
      There may be events, but none that this filter lets through.
    </Empty>
  );
}
