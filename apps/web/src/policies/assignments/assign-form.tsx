import type { PolicyTarget } from '@keyfleet/contracts';
import type { PolicyTargetPreview } from '@keyfleet/contracts/http';
import { Button, Group, NativeSelect, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { agentsQuery } from '../../api/queries';
import { rest } from '../../api/rest';
import { Failure } from '../../lists/failure';
import { useSettled } from '../../time/settled';
import { groupsQuery } from '../policy-api';
import { usePolicyWrite } from '../policy-write';

type Kind = PolicyTarget['kind'];

/** Says whom a policy shall be for, and shows how many agents that are before it is said. */
export function AssignForm({ org, policyId }: { readonly org: string; readonly policyId: string }) {
  const [kind, setKind] = useState<Kind>('organisation');
  const [value, setValue] = useState('');
  const target = targetOf(kind, value);
  const assign = usePolicyWrite<PolicyTarget>(org, (chosen) => [
    'POST',
    `/${policyId}/assignments`,
    { target: chosen },
  ]);
  const choose = (next: string) => {
    setKind(next as Kind);
    setValue('');
    assign.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (target) assign.mutate(target, { onSuccess: () => setValue('') });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <SegmentedControl
          aria-label="Kind of target"
          value={kind}
          onChange={choose}
          data={[
            { value: 'organisation', label: 'Everybody' },
            { value: 'group', label: 'Group' },
            { value: 'selector', label: 'Labels' },
            { value: 'agent', label: 'One agent' },
          ]}
          style={{ alignSelf: 'flex-start' }}
        />
        {kind === 'group' && <GroupChoice org={org} value={value} onChange={setValue} />}
        {kind === 'agent' && <AgentChoice org={org} value={value} onChange={setValue} />}
        {kind === 'selector' && (
          <TextInput
            label="Agents with labels"
            placeholder='labels.env = "prod"'
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
          />
        )}
        <Preview org={org} policyId={policyId} target={target} />
        {assign.isError && <Failure error={assign.error} title="It was not assigned" />}
        <Group>
          <Button type="submit" disabled={!target} loading={assign.isPending}>
            Assign
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function targetOf(kind: Kind, value: string): PolicyTarget | null {
  if (kind === 'organisation') return { kind };
  if (value.trim() === '') return null;
  if (kind === 'group') return { kind, groupId: value };
  return kind === 'agent' ? { kind, agentId: value } : { kind, selector: value.trim() };
}

interface PreviewProps {
  readonly org: string;
  readonly policyId: string;
  readonly target: PolicyTarget | null;
}

/** A dry run, as somebody types. */
function Preview({ org, policyId, target }: PreviewProps) {
  const wanted = useSettled(target ? JSON.stringify(target) : '', 350);
  const preview = useQuery({
    queryKey: ['policies', org, 'preview', policyId, wanted],
    queryFn: () =>
      rest<PolicyTargetPreview>('POST', `/orgs/${org}/policies/${policyId}/assignments?dryRun=true`, {
        target: JSON.parse(wanted) as PolicyTarget,
      }),
    enabled: wanted !== '',
    placeholderData: keepPreviousData,
  });
  if (!target) return null;
  if (preview.isError) return <Failure error={preview.error} title="Whom this means is not clear" />;
  if (!preview.data) return <Text size="sm">Looking…</Text>;
  const { agents, items } = preview.data;
  const named = items.map(({ name }) => name).join(', ');
  return (
    <Text size="sm" aria-live="polite" data-testid="preview" data-agents={agents}>
      <strong>{agents}</strong> {agents === 1 ? 'agent' : 'agents'} now
      {named && `: ${named}`}
      {agents > items.length && items.length > 0 && ', …'}
    </Text>
  );
}

interface ChoiceProps {
  readonly org: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function GroupChoice({ org, value, onChange }: ChoiceProps) {
  const groups = useQuery(groupsQuery(org));
  const data = (groups.data?.items ?? []).map(({ id, name, selector }) => ({
    value: id,
    label: `${name} (${selector})`,
  }));
  if (groups.isError) return <Failure error={groups.error} title="The groups could not be read" />;
  return (
    <NativeSelect
      label="Group"
      description={data.length === 0 ? 'There is no group yet; define one through the API.' : undefined}
      data={[{ value: '', label: 'Choose a group' }, ...data]}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

function AgentChoice({ org, value, onChange }: ChoiceProps) {
  const [name, setName] = useState('');
  const settled = useSettled(name, 250);
  const agents = useInfiniteQuery(agentsQuery(org, settled ? `name : ${JSON.stringify(settled)}` : ''));
  const found = agents.data?.pages.flatMap((page) => page.agents.edges.map(({ node }) => node)) ?? [];
  return (
    <Group align="flex-end">
      <TextInput
        label="Find an agent"
        placeholder="part of its name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <NativeSelect
        label="Agent"
        data={[
          { value: '', label: 'Choose an agent' },
          ...found.map((agent) => ({ value: agent.id, label: agent.name })),
        ]}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </Group>
  );
}
