import type { PolicyView } from '@keyfleet/contracts/http';
import { Anchor, Group, Loader, Stack, Tabs, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Empty } from '../lists/empty';
import { Unread } from '../lists/unread';
import { AssignmentsTab } from './assignments/assignments-tab';
import { CurrentTab } from './current-tab';
import { DraftTab } from './draft/draft-tab';
import { PoliciesNav } from './policies-nav';
import { policyQuery } from './policy-api';
import { PolicyStateBadge, RolloutBadge } from './policy-state';
import { ReplayTab } from './replay/replay-tab';
import { RetirePolicy } from './retire-policy';
import { ReviewTab } from './review/review-tab';
import { RolloutTab } from './rollout/rollout-tab';
import { VersionsTab } from './versions/versions-tab';

interface TabProps {
  readonly org: string;
  readonly policy: PolicyView;
}

const TABS: Readonly<Record<string, { title: string; show: (props: TabProps) => ReactNode }>> = {
  current: { title: 'In force', show: (props) => <CurrentTab {...props} /> },
  draft: { title: 'Draft', show: (props) => <DraftTab {...props} /> },
  replay: { title: 'Replay', show: (props) => <ReplayTab {...props} /> },
  review: { title: 'Review', show: (props) => <ReviewTab {...props} /> },
  rollout: { title: 'Rollout', show: (props) => <RolloutTab {...props} /> },
  versions: { title: 'Versions', show: (props) => <VersionsTab {...props} /> },
  assignments: { title: 'Assignments', show: (props) => <AssignmentsTab {...props} /> },
};

export function PolicyPage() {
  const { org, policy: id } = useParams({ from: '/orgs/$org/policies/$policy' });
  const query = useQuery(policyQuery(org, id));
  const unread = <Unread query={query} title="The policy could not be read" />;
  if (query.data === undefined) return query.isError ? unread : <Loader />;
  return (
    <Stack>
      {unread}
      <PoliciesNav org={org} />
      <Heading org={org} policy={query.data} />
      <PolicyTabs key={id} org={org} policy={query.data} />
    </Stack>
  );
}

function Heading({ org, policy }: TabProps) {
  return (
    <Group justify="space-between">
      <Group>
        <Title order={1} size="h3">
          {policy.name}
        </Title>
        <PolicyStateBadge state={policy.state} />
        {policy.rollout && (
          <Anchor component={Link} to={`/orgs/${org}/policies/${policy.id}?tab=rollout`} underline="never">
            <RolloutBadge state={policy.rollout} />
          </Anchor>
        )}
      </Group>
      {policy.state === 'published' && <RetirePolicy org={org} policy={policy} />}
    </Group>
  );
}

function PolicyTabs({ org, policy }: TabProps) {
  const { tab } = useSearch({ from: '/orgs/$org/policies/$policy' });
  const navigate = useNavigate();
  const shown = tab !== undefined && tab in TABS ? tab : policy.published ? 'current' : 'draft';
  const show = (value: string | null) =>
    void navigate({
      to: '/orgs/$org/policies/$policy',
      params: { org, policy: policy.id },
      search: { tab: value ?? undefined },
    });
  const body = TABS[shown]?.show({ org, policy });
  return (
    <Tabs value={shown} onChange={show}>
      <Tabs.List mb="md">
        {Object.entries(TABS).map(([value, { title }]) => (
          <Tabs.Tab key={value} value={value}>
            {title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={shown}>{body ?? <Empty title="No such tab">Choose one above.</Empty>}</Tabs.Panel>
    </Tabs>
  );
}
