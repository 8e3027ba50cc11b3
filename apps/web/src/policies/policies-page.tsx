import { Anchor, Button, Group, Loader, Stack, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Empty } from '../lists/empty';
import { ExportMenu } from '../lists/export-menu';
import { FilterBox } from '../lists/filter-box';
import { More } from '../lists/more';
import { Unread } from '../lists/unread';
import { BulkActions } from './bulk/bulk-actions';
import { chosenOf } from './bulk/selection';
import { NewPolicy } from './new-policy';
import { PoliciesNav } from './policies-nav';
import { PoliciesTable } from './policies-table';
import { policiesQuery } from './policy-api';

const NONE: ReadonlySet<string> = new Set();

export function PoliciesPage() {
  const { org } = useParams({ from: '/orgs/$org' });
  const { filter = '' } = useSearch({ from: '/orgs/$org/policies' });
  const navigate = useNavigate();
  const query = useInfiniteQuery(policiesQuery(org, filter));
  const [beginning, setBeginning] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(NONE);
  const policies = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const begin = <Button onClick={() => setBeginning(true)}>New policy</Button>;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h3">
          Policies
        </Title>
        <Group gap="sm">
          <ExportMenu
            path={`/orgs/${org}/policies`}
            query={filter ? { filter } : {}}
            name={`${org}-policies`}
          />
          {begin}
        </Group>
      </Group>
      <PoliciesNav org={org} />
      <FilterBox
        filter={filter}
        placeholder='state = published AND name : "payments"'
        onApply={(text) =>
          void navigate({ to: '/orgs/$org/policies', params: { org }, search: { filter: text } })
        }
      />
      <Unread query={query} title="The policies could not be read" />
      {query.isPending && <Loader />}
      {query.isSuccess && policies.length === 0 && (
        <NoPolicies org={org} filtered={filter !== ''} action={begin} />
      )}
      {policies.length > 0 && (
        <PoliciesTable org={org} policies={policies} chosen={chosen} onChoose={setChosen} />
      )}
      <More query={query} />
      <BulkActions
        org={org}
        policies={chosenOf(policies, chosen).map(({ id }) => id)}
        onClear={() => setChosen(NONE)}
      />
      <NewPolicy org={org} opened={beginning} onClose={() => setBeginning(false)} />
    </Stack>
  );
}

/** Nothing yet, or nothing that matches: two different things. */
function NoPolicies(props: { readonly org: string; readonly filtered: boolean; readonly action: ReactNode }) {
  if (!props.filtered)
    return (
      <Empty title="No policies yet" action={props.action}>
        A policy says who may do what with which secrets, and when. Begin with a template; nothing changes
        anywhere until you publish and assign it.
      </Empty>
    );
  const clear = (
    <Anchor component={Link} to={`/orgs/${props.org}/policies`}>
      Clear the filter
    </Anchor>
  );
  return (
    <Empty title="No policy matches" action={clear}>
      There are policies, but none that this filter lets through.
    </Empty>
  );
}
