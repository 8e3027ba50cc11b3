import {
  Anchor,
  Badge,
  Button,
  Group,
  Loader,
  Modal,
  Paper,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { agentQuery } from '../api/queries';
import { rest } from '../api/rest';
import type { Agent } from '../api/types';
import { Timeline } from '../events/timeline';
import { Empty } from '../lists/empty';
import { Failure } from '../lists/failure';
import { Unread } from '../lists/unread';
import { RelativeTime } from '../time/relative-time';
import { AgentStateBadge } from './agent-state';

export function AgentPage() {
  const { org, agent: id } = useParams({ from: '/orgs/$org/agents/$agent' });
  const query = useQuery(agentQuery(org, id));
  const agent = query.data;
  const unread = <Unread query={query} title="The agent could not be read" />;
  if (agent === undefined) return query.isError ? unread : <Loader />;
  if (!agent)
    return (
      <Empty
        title="No such agent"
        action={
          <Anchor component={Link} to={`/orgs/${org}/agents`}>
            All agents
          </Anchor>
        }
      >
        There is no agent under this address that you may see.
      </Empty>
    );
  return (
    <Stack>
      {unread}
      <Group justify="space-between">
        <Group>
          <Title order={1} size="h3">
            {agent.name}
          </Title>
          <AgentStateBadge state={agent.state} />
        </Group>
        {agent.state !== 'revoked' && <Revoke org={org} agent={agent} />}
      </Group>
      <Paper withBorder p="md">
        <Facts agent={agent} />
      </Paper>
      <Title order={2} size="h4">
        Timeline
      </Title>
      <Timeline
        org={org}
        agentId={agent.id}
        empty={
          <Empty title="Nothing happened yet">
            What this agent does, and what is done to it, appears here.
          </Empty>
        }
      />
    </Stack>
  );
}

function Facts({ agent }: { readonly agent: Agent }) {
  return (
    <SimpleGrid cols={{ base: 2, sm: 4 }}>
      <Fact label="Last seen">
        <RelativeTime at={agent.lastSeenAt} />
      </Fact>
      <Fact label="Enrolled">
        <RelativeTime at={agent.enrolledAt} />
      </Fact>
      <Fact label="Certificate ends">
        <RelativeTime at={agent.certificateExpiresAt} />
      </Fact>
      <Fact label="Version">{agent.version}</Fact>
      <Fact label="Secrets">{agent.secrets ?? '–'}</Fact>
      <Fact label="Journal">
        {agent.journal.epoch}:{agent.journal.seq}
      </Fact>
      <Fact label="Storage">{agent.storage ?? '–'}</Fact>
      <Fact label="Vault">{agent.seal ?? '–'}</Fact>
      <Fact label="Labels">
        <Group gap={4}>
          {Object.entries(agent.labels).map(([key, value]) => (
            <Badge key={key} variant="default" tt="none" fw={400}>
              {key}={value}
            </Badge>
          ))}
        </Group>
      </Fact>
      <Fact label="Id">
        <Text size="xs" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
          {agent.id}
        </Text>
      </Fact>
    </SimpleGrid>
  );
}

function Fact({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text size="sm" component="div">
        {children}
      </Text>
    </div>
  );
}

function Revoke({ org, agent }: { readonly org: string; readonly agent: Agent }) {
  const [asking, setAsking] = useState(false);
  const queryClient = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => rest('POST', `/orgs/${org}/agents/${agent.id}/revoke`),
    onSuccess: async () => {
      setAsking(false);
      await queryClient.invalidateQueries({ queryKey: ['agent', org, agent.id] });
    },
  });
  return (
    <>
      <Button color="red" variant="light" onClick={() => setAsking(true)}>
        Revoke
      </Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title={`Revoke ${agent.name}?`}>
        <Stack>
          <Text size="sm">
            Its connection is cut at once and it can never come back under this identity. It goes on serving
            its secrets locally; nothing on it is deleted.
          </Text>
          {revoke.isError && <Failure error={revoke.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              Keep it
            </Button>
            <Button color="red" loading={revoke.isPending} onClick={() => revoke.mutate()}>
              Revoke
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
