import { Anchor, Group, Stack, Text, Title } from '@mantine/core';
import { Link, useParams, useSearch } from '@tanstack/react-router';
import { ExportMenu } from '../lists/export-menu';
import { Timeline } from './timeline';

export function EventsPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { type, agentId } = useSearch({ from: '/orgs/$org/events' });
  const query: Record<string, string> = { ...(type ? { type } : {}), ...(agentId ? { agentId } : {}) };
  return (
    <Stack>
      <Group justify="space-between">
        <Group>
          <Title order={1} size="h3">
            Events
          </Title>
          {type && (
            <Text size="sm">
              of type <strong>{type}</strong> ·{' '}
              <Anchor component={Link} to={`/orgs/${org}/events`}>
                all
              </Anchor>
            </Text>
          )}
        </Group>
        <ExportMenu path={`/orgs/${org}/events`} query={query} name={`${org}-events`} />
      </Group>
      <Timeline org={org} type={type} agentId={agentId} />
    </Stack>
  );
}
