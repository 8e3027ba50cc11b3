import { Alert, Anchor, AppShell, Badge, Box, Button, Group, NativeSelect, Text } from '@mantine/core';
import { useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useParams } from '@tanstack/react-router';
import { useLiveFleet } from '../api/live';
import { sessionQuery } from '../api/queries';
import { signOut } from '../api/sign-out';
import { Failure } from '../lists/failure';

const LIVE = {
  connecting: { color: 'gray', text: 'connecting' },
  live: { color: 'teal', text: 'live' },
  lost: { color: 'orange', text: 'reconnecting' },
} as const;

/** Frame of every page of an organisation, with its live connection. */
export function OrgShell() {
  const { org } = useParams({ from: '/orgs/$org' });
  const session = useSuspenseQuery(sessionQuery).data;
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const live = useLiveFleet(org);
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: async () => {
      queryClient.clear();
      await navigate({ to: '/sign-in', search: {} });
    },
  });
  return (
    <AppShell header={{ height: 56 }} padding="md">
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="lg" wrap="nowrap">
            <Text fw={700}>Keyfleet</Text>
            <NativeSelect
              aria-label="Organisation"
              value={org}
              data={session.orgs.map(({ slug, name }) => ({ value: slug, label: name }))}
              onChange={(event) =>
                void navigate({
                  to: '/orgs/$org/agents',
                  params: { org: event.currentTarget.value },
                  search: {},
                })
              }
            />
            <Group component="nav" aria-label="Main" gap="md" wrap="nowrap">
              <Anchor component={Link} to={`/orgs/${org}/agents`} size="sm">
                Agents
              </Anchor>
              <Anchor component={Link} to={`/orgs/${org}/policies`} size="sm">
                Policies
              </Anchor>
              <Anchor component={Link} to={`/orgs/${org}/events`} size="sm">
                Events
              </Anchor>
            </Group>
          </Group>
          <Group gap="sm" wrap="nowrap">
            <Badge
              color={LIVE[live].color}
              variant="light"
              data-testid="live"
              data-state={live}
              role="status"
            >
              {LIVE[live].text}
            </Badge>
            <Text size="sm" c="dimmed" visibleFrom="sm">
              {session.user.email}
            </Text>
            <Button size="xs" variant="default" loading={leave.isPending} onClick={() => leave.mutate()}>
              Sign out
            </Button>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Main>
        {leave.isError && (
          <Box mb="md">
            <Failure
              error={leave.error}
              title="You are still signed in"
              again={{ run: leave.mutate, running: leave.isPending }}
            />
          </Box>
        )}
        {live === 'lost' && (
          <Alert color="orange" mb="md" data-testid="stale" title="What you see may be old">
            The live connection was lost. It is tried again by itself.
          </Alert>
        )}
        <Outlet />
      </AppShell.Main>
    </AppShell>
  );
}
