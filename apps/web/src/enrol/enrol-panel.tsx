import {
  Alert,
  Button,
  Code,
  CopyButton,
  Drawer,
  Group,
  Loader,
  NativeSelect,
  NumberInput,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { AgentStateBadge } from '../agents/agent-state';
import { agentsQuery } from '../api/queries';
import { rest } from '../api/rest';
import { Failure } from '../lists/failure';
import { Unread } from '../lists/unread';
import { RelativeTime } from '../time/relative-time';
import { arrivedWith, type Expiring } from './arrived';

interface Issued extends Expiring {
  readonly id: string;
  readonly token: string;
}

const LIFETIMES = [
  { value: '900', label: '15 minutes' },
  { value: '3600', label: '1 hour' },
  { value: '86400', label: '1 day' },
];

/** Makes a token and shows the one line to paste where the agent shall run; then waits for it to appear. */
export function EnrolPanel({
  org,
  opened,
  onClose,
}: {
  readonly org: string;
  readonly opened: boolean;
  readonly onClose: () => void;
}) {
  const [expiresIn, setExpiresIn] = useState('900');
  const [uses, setUses] = useState<number | string>(1);
  const [labels, setLabels] = useState('');
  const issue = useMutation({
    mutationFn: async () => {
      const seconds = Number(expiresIn);
      const token = await rest<Issued>('POST', `/orgs/${org}/enrolment-tokens`, {
        expiresIn: seconds,
        uses: Number(uses),
        labels: parseLabels(labels),
      });
      return { token, filter: arrivedWith(token, seconds) };
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    issue.mutate();
  };
  const close = () => {
    issue.reset();
    onClose();
  };
  return (
    <Drawer opened={opened} onClose={close} title="Enrol an agent" position="right" size="lg">
      <form onSubmit={submit}>
        <Stack>
          <Group grow align="flex-start">
            <NativeSelect
              label="Token lives for"
              data={LIFETIMES}
              value={expiresIn}
              onChange={(event) => setExpiresIn(event.currentTarget.value)}
            />
            <NumberInput
              label="Agents that may use it"
              min={1}
              max={10_000}
              value={uses}
              onChange={setUses}
            />
          </Group>
          <TextInput
            label="Labels"
            placeholder="env=prod, site=berlin"
            value={labels}
            onChange={(event) => setLabels(event.currentTarget.value)}
          />
          {issue.isError && <Failure error={issue.error} title="No token was made" />}
          <Button type="submit" loading={issue.isPending} variant={issue.data ? 'default' : 'filled'}>
            {issue.data ? 'Make another token' : 'Make a token'}
          </Button>
        </Stack>
      </form>
      {issue.data && <Instructions org={org} issued={issue.data.token} arrived={issue.data.filter} />}
    </Drawer>
  );
}

interface InstructionsProps {
  readonly org: string;
  readonly issued: Issued;
  /** Filter that lets those through who came since. */
  readonly arrived: string;
}

function Instructions({ org, issued, arrived }: InstructionsProps) {
  const line = `(umask 077; printf %s '${issued.token}' > enrol.token) && npm run agent -- run --name my-agent --control-plane ${location.origin} --token-file enrol.token`;
  return (
    <Stack mt="lg">
      <Text size="sm">
        Paste this where the agent shall run. The token is shown this once and ends{' '}
        <RelativeTime at={issued.expiresAt} />
      </Text>
      <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }} data-testid="enrol-line">
        {line}
      </Code>
      <CopyButton value={line}>
        {({ copied, copy }) => (
          <Button variant="light" onClick={copy}>
            <span aria-live="polite">{copied ? 'Copied' : 'Copy'}</span>
          </Button>
        )}
      </CopyButton>
      <Arrivals org={org} filter={arrived} />
    </Stack>
  );
}

function Arrivals({ org, filter }: { readonly org: string; readonly filter: string }) {
  const agents = useInfiniteQuery(agentsQuery(org, filter));
  const arrived = agents.data?.pages.flatMap((page) => page.agents.edges.map(({ node }) => node)) ?? [];
  if (arrived.length === 0)
    return (
      <>
        <Unread query={agents} title="Whether it connected could not be read" />
        <Group gap="xs">
          <Loader size="xs" />
          <Text size="sm" c="dimmed">
            Waiting for the agent to connect…
          </Text>
        </Group>
      </>
    );
  return (
    <Alert color="teal" title="Connected">
      {arrived.map((agent) => (
        <Group key={agent.id} gap="xs">
          <Text size="sm">{agent.name}</Text>
          <AgentStateBadge state={agent.state} />
        </Group>
      ))}
    </Alert>
  );
}

/** `env=prod, site=berlin`; what is not a label is left for the API to refuse by name. */
function parseLabels(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', ...value] = pair.split('=');
      return [key.trim(), value.join('=').trim()];
    }),
  );
}
