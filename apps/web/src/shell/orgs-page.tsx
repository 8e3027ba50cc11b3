import { Center, Paper, Stack, Text, Title } from '@mantine/core';
import { useSuspenseQuery } from '@tanstack/react-query';
import { Link, Navigate } from '@tanstack/react-router';
import { sessionQuery } from '../api/queries';
import { Empty } from '../lists/empty';

/** Where signing in leads: straight to the only organisation, else a choice. */
export function OrgsPage() {
  const { orgs } = useSuspenseQuery(sessionQuery).data;
  const only = orgs.length === 1 ? orgs[0] : undefined;
  if (only) return <Navigate to="/orgs/$org/agents" params={{ org: only.slug }} search={{}} />;
  return (
    <Center mih="100vh" p="md">
      <Stack w={420} component="main">
        <Title order={1} size="h3">
          Organisations
        </Title>
        {orgs.length === 0 && (
          <Empty title="No organisation yet">
            Ask an owner to invite you, or create one through the API.
          </Empty>
        )}
        {orgs.map((org) => (
          <Paper key={org.id} withBorder p="md">
            <Link className="plain-link" to="/orgs/$org/agents" params={{ org: org.slug }} search={{}}>
              <Text fw={600}>{org.name}</Text>
              <Text size="sm" c="dimmed">
                {org.slug}
              </Text>
            </Link>
          </Paper>
        ))}
      </Stack>
    </Center>
  );
}
