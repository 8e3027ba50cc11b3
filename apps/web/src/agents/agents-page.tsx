import { Anchor, Button, Group, Loader, Stack, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo, useState } from 'react';
import { type AgentsPage as AgentsPageData, agentsQuery } from '../api/queries';
import type { AgentCounts, AgentState } from '../api/types';
import { EnrolPanel } from '../enrol/enrol-panel';
import { Empty } from '../lists/empty';
import { ExportMenu } from '../lists/export-menu';
import { FilterBox } from '../lists/filter-box';
import { More } from '../lists/more';
import { Unread } from '../lists/unread';
import { AgentsTable } from './agents-table';

const STATES: readonly AgentState[] = ['online', 'offline', 'unknown', 'revoked'];

export function AgentsPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { filter = '' } = useSearch({ from: '/orgs/$org/agents' });
  const query = useInfiniteQuery(agentsQuery(org, filter));
  const navigate = useNavigate();
  const [enrolling, setEnrolling] = useState(false);
  const { agents, counts } = useMemo(() => rowsOf(query.data?.pages ?? []), [query.data]);
  const enrol = <Button onClick={() => setEnrolling(true)}>Enrol an agent</Button>;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h3">
          Agents
        </Title>
        <Group gap="sm">
          <ExportMenu path={`/orgs/${org}/agents`} query={filter ? { filter } : {}} name={`${org}-agents`} />
          {enrol}
        </Group>
      </Group>
      {counts && <Counts org={org} counts={counts} />}
      <FilterBox
        filter={filter}
        placeholder='state = offline AND labels.env = "prod"'
        onApply={(text) =>
          void navigate({ to: '/orgs/$org/agents', params: { org }, search: { filter: text } })
        }
      />
      <Unread query={query} title="The agents could not be read" />
      {query.isPending && <Loader />}
      {query.isSuccess && agents.length === 0 && (
        <NoAgents org={org} filtered={filter !== ''} action={enrol} />
      )}
      {agents.length > 0 && <AgentsTable org={org} agents={agents} />}
      <More query={query} />
      <EnrolPanel org={org} opened={enrolling} onClose={() => setEnrolling(false)} />
    </Stack>
  );
}

function rowsOf(pages: readonly AgentsPageData[]) {
  const agents = pages.flatMap((page) => page.agents.edges.map(({ node }) => node));
  return { agents, counts: pages[0]?.agentCounts };
}

/** Nothing yet, or nothing that matches: two different things. */
function NoAgents(props: { readonly org: string; readonly filtered: boolean; readonly action: ReactNode }) {
  if (!props.filtered)
    return (
      <Empty title="No agents yet" action={props.action}>
        An agent keeps the secrets beside your workloads. Enrol the first one: it takes one pasted line.
      </Empty>
    );
  const clear = (
    <Anchor component={Link} to={`/orgs/${props.org}/agents`}>
      Clear the filter
    </Anchor>
  );
  return (
    <Empty title="No agent matches" action={clear}>
      There are agents, but none that this filter lets through.
    </Empty>
  );
}

/** Every number leads to its rows. */
function Counts({ org, counts }: { readonly org: string; readonly counts: AgentCounts }) {
  return (
    <Group gap="lg" data-testid="counts">
      {STATES.map((state) => (
        <Anchor
          key={state}
          component={Link}
          to={`/orgs/${org}/agents?filter=${encodeURIComponent(`state = ${state}`)}`}
          size="sm"
          c={state === 'offline' && counts.offline > 0 ? 'red' : undefined}
        >
          <strong>{counts[state]}</strong> {state}
        </Anchor>
      ))}
    </Group>
  );
}
