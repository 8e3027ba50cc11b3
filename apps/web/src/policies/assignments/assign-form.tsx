import type { PolicyTarget } from '@keyfleet/contracts';
import type { PolicyTargetPreview } from '@keyfleet/contracts/http';
import { Button, Group, Stack, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { questionsKey } from '../../api/notices';
import { rest } from '../../api/rest';
import { Failure } from '../../lists/failure';
import { Unread } from '../../lists/unread';
import { useSettled } from '../../time/settled';
import { usePolicyWrite } from '../policy-write';
import { EVERYBODY, TargetChoice, type TargetFields, targetOf } from './target-choice';

/** Says whom a policy shall be for, and shows how many agents that are before it is said. */
export function AssignForm({ org, policyId }: { readonly org: string; readonly policyId: string }) {
  const [fields, setFields] = useState(EVERYBODY);
  const target = targetOf(fields);
  const assign = usePolicyWrite<PolicyTarget>(org, (chosen) => [
    'POST',
    `/${policyId}/assignments`,
    { target: chosen },
  ]);
  const choose = (next: TargetFields) => {
    if (next.kind !== fields.kind) assign.reset();
    setFields(next);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (target) assign.mutate(target, { onSuccess: () => setFields({ ...fields, value: '' }) });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TargetChoice org={org} fields={fields} onChange={choose} />
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

interface PreviewProps {
  readonly org: string;
  readonly policyId: string;
  readonly target: PolicyTarget | null;
}

/** A dry run, as somebody types. */
function Preview({ org, policyId, target }: PreviewProps) {
  const wanted = useSettled(target ? JSON.stringify(target) : '', 350);
  const preview = useQuery({
    queryKey: [...questionsKey(org), 'preview', policyId, wanted],
    queryFn: () =>
      rest<PolicyTargetPreview>('POST', `/orgs/${org}/policies/${policyId}/assignments?dryRun=true`, {
        target: JSON.parse(wanted) as PolicyTarget,
      }),
    enabled: wanted !== '',
    placeholderData: keepPreviousData,
  });
  if (!target) return null;
  // Whom it meant a moment ago may be others by now: that it is not known says more than old numbers.
  if (preview.isError) return <Unread query={preview} title="Whom this means is not clear" />;
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
