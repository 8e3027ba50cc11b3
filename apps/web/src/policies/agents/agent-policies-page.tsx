import { Anchor, Group, Loader, Stack, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Empty } from '../../lists/empty';
import { ExportMenu } from '../../lists/export-menu';
import { FilterBox } from '../../lists/filter-box';
import { More } from '../../lists/more';
import { Unread } from '../../lists/unread';
import { PoliciesNav } from '../policies-nav';
import { agentPoliciesQuery } from '../policy-api';
import { AgentPoliciesTable } from './agent-policies-table';
import { AGENT_STATES } from './states';

/** Which agents decide by what they should, and which do not and why. */
export function AgentPoliciesPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { filter, policy } = useSearch({ from: '/orgs/$org/policies/agents' });
  const navigate = useNavigate();
  const query = useInfiniteQuery(agentPoliciesQuery(org, { filter, policy }));
  const rows = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const show = (next: string | undefined) =>
    void navigate({
      to: '/orgs/$org/policies/agents',
      params: { org },
      search: { filter: next, policy },
    });
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h3">
          What agents run
        </Title>
        <ExportMenu
          path={`/orgs/${org}/policies/agents`}
          query={{ ...(filter ? { filter } : {}), ...(policy ? { policy } : {}) }}
          name={`${org}-agent-policies`}
        />
      </Group>
      <PoliciesNav org={org} />
      <Group gap="lg" component="nav" aria-label="By state">
        <Anchor component={Link} to={`/orgs/${org}/policies/agents`} size="sm">
          all
        </Anchor>
        {AGENT_STATES.map((state) => (
          <Anchor
            key={state}
            component="button"
            type="button"
            size="sm"
            fw={filter === `state = ${state}` ? 700 : undefined}
            aria-pressed={filter === `state = ${state}`}
            onClick={() => show(`state = ${state}`)}
          >
            {state}
          </Anchor>
        ))}
      </Group>
      <FilterBox filter={filter ?? ''} placeholder="state = rejected OR state = pending" onApply={show} />
      <Unread query={query} title="The list could not be read" />
      {query.isPending && <Loader />}
      {query.isSuccess && rows.length === 0 && (
        <Nobody org={org} filtered={filter !== undefined || policy !== undefined} />
      )}
      {rows.length > 0 && <AgentPoliciesTable org={org} rows={rows} />}
      <More query={query} />
    </Stack>
  );
}

function Nobody({ org, filtered }: { readonly org: string; readonly filtered: boolean }) {
  if (!filtered)
    return (
      <Empty
        title="No agents yet"
        action={
          <Anchor component={Link} to={`/orgs/${org}/agents`}>
            To the agents
          </Anchor>
        }
      >
        Enrol an agent first; what it should decide by appears here.
      </Empty>
    );
  return (
    <Empty
      title="No agent matches"
      action={
        <Anchor component={Link} to={`/orgs/${org}/policies/agents`}>
          Clear the filter
        </Anchor>
      }
    >
      There may be agents, but none that this filter lets through.
    </Empty>
  );
}
