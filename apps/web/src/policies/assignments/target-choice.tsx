import type { PolicyTarget } from '@keyfleet/contracts';
import { Group, NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { agentsQuery } from '../../api/queries';
import { Unread } from '../../lists/unread';
import { useSettled } from '../../time/settled';
import { groupsQuery } from '../policy-api';

/** A target as somebody is still choosing it. */
export interface TargetFields {
  readonly kind: PolicyTarget['kind'];
  /** Of a group, an agent or labels; empty for everybody. */
  readonly value: string;
}

export const EVERYBODY: TargetFields = { kind: 'organisation', value: '' };

/** Null until it is complete. */
export function targetOf({ kind, value }: TargetFields): PolicyTarget | null {
  if (kind === 'organisation') return { kind };
  if (value.trim() === '') return null;
  if (kind === 'group') return { kind, groupId: value };
  return kind === 'agent' ? { kind, agentId: value } : { kind, selector: value.trim() };
}

interface TargetChoiceProps {
  readonly org: string;
  readonly fields: TargetFields;
  readonly onChange: (fields: TargetFields) => void;
}

/** Everybody, a group, labels or one agent. */
export function TargetChoice({ org, fields, onChange }: TargetChoiceProps) {
  const { kind, value } = fields;
  const setValue = (next: string) => onChange({ kind, value: next });
  return (
    <>
      <SegmentedControl
        aria-label="Kind of target"
        value={kind}
        onChange={(next) => onChange({ kind: next as TargetFields['kind'], value: '' })}
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
    </>
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
  const none = groups.isSuccess && data.length === 0;
  return (
    <>
      <Unread query={groups} title="The groups could not be read" />
      <NativeSelect
        label="Group"
        description={none ? 'There is no group yet; define one through the API.' : undefined}
        data={[{ value: '', label: 'Choose a group' }, ...data]}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </>
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
