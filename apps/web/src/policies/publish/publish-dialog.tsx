import type { RolloutPlan } from '@keyfleet/contracts';
import type { PolicyVersionView, PolicyView } from '@keyfleet/contracts/http';
import { Alert, Button, Group, Modal, NumberInput, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Failure } from '../../lists/failure';
import { AT_ONCE, CAREFULLY } from '../policy-api';
import { usePolicyWrite } from '../policy-write';
import { fieldsOf, type PlanFields, planOf } from './plan';

type Restored = Pick<PolicyVersionView, 'version' | 'hash'>;

interface PublishProps {
  readonly org: string;
  readonly policy: PolicyView;
  /** A version to go back to, instead of the draft. */
  readonly restore?: Restored;
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** How a draft, or an older version, gets to the agents. */
export function PublishDialog({ org, policy, restore, opened, onClose }: PublishProps) {
  const title =
    restore === undefined
      ? `Publish ${policy.name}`
      : `Publish version ${restore.version} of ${policy.name} again`;
  return (
    <Modal opened={opened} onClose={onClose} title={title} size="lg">
      <PublishForm org={org} policy={policy} restore={restore} onClose={onClose} />
    </Modal>
  );
}

/** What is published, as it was on screen when the dialog was opened: another draft may come meanwhile. */
interface Seen {
  /** Of an older version; undefined for the draft. */
  readonly version: number | undefined;
  readonly hash: string | undefined;
}

function PublishForm({
  org,
  policy,
  restore,
  onClose,
}: Omit<PublishProps, 'opened' | 'restore'> & { readonly restore: Restored | undefined }) {
  const [seen] = useState<Seen>(restore ?? { version: undefined, hash: policy.draft?.hash });
  const again = seen.version !== undefined;
  const [how, setHow] = useState<'at-once' | 'waves'>(again ? 'at-once' : 'waves');
  const [fields, setFields] = useState(() => fieldsOf(CAREFULLY));
  const navigate = useNavigate();
  const read = how === 'waves' ? planOf(fields) : { plan: AT_ONCE };
  const publish = usePolicyWrite<RolloutPlan>(org, (plan) => [
    'POST',
    `/${policy.id}/publish`,
    { hash: seen.hash, ...(again ? { restore: seen.version } : {}), plan },
  ]);
  const another = isAnother(seen, policy) && !publish.isPending && !publish.isSuccess;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if ('problem' in read) return;
    publish.mutate(read.plan, {
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
        <Notes again={again} assigned={policy.assignmentList.length > 0} />
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
        <Refusal another={another} error={publish.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Not now
          </Button>
          <Button type="submit" loading={publish.isPending} disabled={'problem' in read || another}>
            {again ? 'Roll back' : 'Publish'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Notes({ again, assigned }: { readonly again: boolean; readonly assigned: boolean }) {
  return (
    <>
      {again && (
        <Text size="sm">
          It becomes a new version with the same content; it was reviewed when it was first published.
        </Text>
      )}
      {!assigned && (
        <Alert color="blue" title="Assigned to nobody yet">
          It becomes a version, and reaches agents once it is assigned.
        </Alert>
      )}
    </>
  );
}

function isAnother({ version, hash }: Seen, { draft }: PolicyView): boolean {
  return version === undefined && draft?.hash !== hash;
}

function Refusal({ another, error }: { readonly another: boolean; readonly error: Error | null }) {
  if (!another) return error && <Failure error={error} title="It was not published" />;
  return (
    <Alert color="orange" title="The draft is another one by now" data-testid="another-draft">
      What you looked at is not what would be published. Close this, look at the draft again, and publish it
      then.
    </Alert>
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
