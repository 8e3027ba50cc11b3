import type { PolicyView } from '@keyfleet/contracts/http';
import { Alert, Button, Group, Modal, NumberInput, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Failure } from '../../lists/failure';
import { AT_ONCE, CAREFULLY } from '../policy-api';
import { usePolicyWrite } from '../policy-write';
import { fieldsOf, type PlanFields, planOf } from './plan';

interface PublishProps {
  readonly org: string;
  readonly policy: PolicyView;
  /** A version to go back to, instead of the draft. */
  readonly restore?: number;
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** How a draft, or an older version, gets to the agents. */
export function PublishDialog({ org, policy, restore, opened, onClose }: PublishProps) {
  const title =
    restore === undefined ? `Publish ${policy.name}` : `Publish version ${restore} of ${policy.name} again`;
  return (
    <Modal opened={opened} onClose={onClose} title={title} size="lg">
      <PublishForm org={org} policy={policy} restore={restore} onClose={onClose} />
    </Modal>
  );
}

function PublishForm({
  org,
  policy,
  restore,
  onClose,
}: Omit<PublishProps, 'opened' | 'restore'> & { readonly restore: number | undefined }) {
  const [how, setHow] = useState<'at-once' | 'waves'>(restore === undefined ? 'waves' : 'at-once');
  const [fields, setFields] = useState(() => fieldsOf(CAREFULLY));
  const navigate = useNavigate();
  const read = how === 'waves' ? planOf(fields) : { plan: AT_ONCE };
  const publish = usePolicyWrite<void>(org, () => [
    'POST',
    `/${policy.id}/publish`,
    { ...(restore === undefined ? {} : { restore }), ...('plan' in read ? { plan: read.plan } : {}) },
  ]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if ('problem' in read) return;
    publish.mutate(undefined, {
      onSuccess: () => {
        onClose();
        void navigate({
          to: '/orgs/$org/policies/$policy',
          params: { org, policy: policy.id },
          search: { tab: 'rollout' },
        });
      },
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        {restore !== undefined && (
          <Text size="sm">
            It becomes a new version with the same content; it was reviewed when it was first published.
          </Text>
        )}
        {policy.assignmentList.length === 0 && (
          <Alert color="blue" title="Assigned to nobody yet">
            It becomes a version, and reaches agents once it is assigned.
          </Alert>
        )}
        <Radio.Group label="To whom" value={how} onChange={(value) => setHow(value as 'at-once' | 'waves')}>
          <Stack gap="xs" mt="xs">
            <Radio
              value="at-once"
              label="Everybody at once"
              description="Back to the version before at the first agent that refuses it"
            />
            <Radio
              value="waves"
              label="In waves"
              description="A few agents first, more when all is well, everybody in the end"
            />
          </Stack>
        </Radio.Group>
        {how === 'waves' && (
          <Waves fields={fields} onChange={setFields} problem={'problem' in read ? read.problem : null} />
        )}
        {publish.isError && <Failure error={publish.error} title="It was not published" />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Not now
          </Button>
          <Button type="submit" loading={publish.isPending} disabled={'problem' in read}>
            {restore === undefined ? 'Publish' : 'Roll back'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Waves({
  fields,
  onChange,
  problem,
}: {
  readonly fields: PlanFields;
  readonly onChange: (fields: PlanFields) => void;
  readonly problem: string | null;
}) {
  return (
    <Stack gap="sm">
      <TextInput
        label="Waves, in percent of its agents"
        value={fields.waves}
        error={problem}
        onChange={(event) => onChange({ ...fields, waves: event.currentTarget.value })}
      />
      <NumberInput
        label="Minutes between waves"
        description="0 goes on as soon as all agents of a wave answered"
        min={0}
        max={10_080}
        value={fields.soakMinutes}
        onChange={(soakMinutes) => onChange({ ...fields, soakMinutes })}
      />
      <Text size="sm" fw={500}>
        Halt, and put everybody back, when
      </Text>
      <Group grow align="flex-start">
        <NumberInput
          label="Agents that refuse it reach"
          min={1}
          value={fields.rejected}
          onChange={(rejected) => onChange({ ...fields, rejected })}
        />
        <NumberInput
          label="Denied requests in percent reach"
          description="Empty: never for this reason"
          min={0}
          max={100}
          value={fields.deniedPercent}
          onChange={(deniedPercent) => onChange({ ...fields, deniedPercent })}
        />
      </Group>
    </Stack>
  );
}
