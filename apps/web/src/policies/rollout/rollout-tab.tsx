import type { PolicyView, RolloutView } from '@keyfleet/contracts/http';
import { Alert, Anchor, Button, Group, Loader, Progress, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Empty } from '../../lists/empty';
import { Failure } from '../../lists/failure';
import { More } from '../../lists/more';
import { Unread } from '../../lists/unread';
import { RelativeTime } from '../../time/relative-time';
import { AgentPoliciesTable } from '../agents/agent-policies-table';
import { agentPoliciesQuery } from '../policy-api';
import { RolloutBadge } from '../policy-state';
import { usePolicyWrite } from '../policy-write';
import { tabOf } from '../tabs';
import { countSteps, haltText, STEPS, type Step, stepOf } from './progress';

interface RolloutProps {
  readonly org: string;
  readonly policy: PolicyView;
}

/** Agents answer without a word to the browser; while a rollout runs it is looked at again by itself. */
const LOOK_AGAIN_MS = 3_000;
const COLOURS: Readonly<Record<Step, string>> = {
  converged: 'teal',
  pending: 'blue',
  rejected: 'red',
  offline: 'gray',
  waiting: 'dark.2',
};

export function RolloutTab({ org, policy }: RolloutProps) {
  const rollout = policy.rolloutDetail;
  if (!rollout)
    return <Empty title="No rollout yet">A rollout begins when the policy is published and assigned.</Empty>;
  return (
    <Stack>
      <Overview rollout={rollout} />
      <Controls org={org} policy={policy} rollout={rollout} />
      {policy.assignmentList.length === 0 && (
        <Alert color="blue" title="Assigned to nobody">
          <Anchor component={Link} to={tabOf(org, policy.id, 'assignments')}>
            Say whom it is for
          </Anchor>
        </Alert>
      )}
      <Agents org={org} policy={policy} rollout={rollout} />
    </Stack>
  );
}

const span = (seconds: number) =>
  seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;

function Overview({ rollout }: { readonly rollout: RolloutView }) {
  const { version, from, state, wave, plan, startedAt, changedAt } = rollout;
  const halted = haltText(rollout);
  return (
    <Stack gap="xs">
      <Group>
        <Text fw={600}>
          Version {version}
          {from === null ? '' : `, in place of version ${from}`}
        </Text>
        <RolloutBadge state={state} />
        <Text size="sm" c="dimmed">
          begun <RelativeTime at={startedAt} /> changed <RelativeTime at={changedAt} />
        </Text>
      </Group>
      <Group gap="xs" component="ol" p={0} m={0} data-testid="waves" style={{ listStyle: 'none' }}>
        {plan.waves.map((share, index) => (
          <Text
            key={share}
            component="li"
            size="sm"
            fw={index === wave ? 700 : 400}
            c={index > wave ? 'dimmed' : undefined}
            aria-current={index === wave ? 'step' : undefined}
          >
            {index > 0 && '→ '}
            Wave {index + 1}: {share} %
          </Text>
        ))}
      </Group>
      {state === 'running' && plan.soakSeconds > 0 && (
        <Text size="sm" c="dimmed">
          Each wave, the last one too, is watched for {span(plan.soakSeconds)} once its agents answered.
        </Text>
      )}
      {halted && (
        <Alert color="red" title="Halted" data-testid="halt">
          {halted} Every agent goes back to {from === null ? 'having no such policy' : `version ${from}`}.
        </Alert>
      )}
    </Stack>
  );
}

type Action = 'pause' | 'resume' | 'advance' | 'halt';

function Controls({ org, policy, rollout }: RolloutProps & { readonly rollout: RolloutView }) {
  const control = usePolicyWrite<Action>(org, (action) => [
    'POST',
    `/${policy.id}/rollout`,
    action === 'advance' ? { action, wave: rollout.wave } : { action },
  ]);
  const { state, wave, plan } = rollout;
  if (state !== 'running' && state !== 'paused') return null;
  const running = state === 'running';
  const isLast = wave >= plan.waves.length - 1;
  const button = (action: Action, label: string, color?: string) => (
    <Button
      variant={color ? 'light' : 'default'}
      color={color}
      loading={control.isPending && control.variables === action}
      onClick={() => control.mutate(action)}
    >
      {label}
    </Button>
  );
  return (
    <>
      <Group>
        {running ? button('pause', 'Pause') : button('resume', 'Resume')}
        {!isLast && button('advance', 'Next wave now')}
        {isLast && running && button('advance', 'Complete without those missing')}
        {button('halt', 'Halt and put everybody back', 'red')}
      </Group>
      {control.isError && <Failure error={control.error} title="The rollout did not change" />}
    </>
  );
}

const isMoving = ({ state }: RolloutView) => state === 'running' || state === 'paused';

/** An agent that has no version yet of a policy is not known to be meant by it until its wave comes. */
const leavesSomeOut = (rollout: RolloutView) =>
  isMoving(rollout) && rollout.from === null && rollout.wave < rollout.plan.waves.length - 1;

function Agents({ org, policy, rollout }: RolloutProps & { readonly rollout: RolloutView }) {
  const [step, setStep] = useState<Step | null>(null);
  const moving = isMoving(rollout);
  const query = useInfiniteQuery({
    ...agentPoliciesQuery(org, { policy: policy.id }, 200),
    refetchInterval: moving ? LOOK_AGAIN_MS : false,
  });
  const unread = <Unread query={query} title="The agents could not be read" />;
  if (query.data === undefined) return query.isError ? unread : <Loader />;
  const agents = query.data.pages.flatMap(({ items }) => items);
  const counts = countSteps(agents, policy.id, rollout);
  const shown = step ? agents.filter((agent) => stepOf(agent, policy.id, rollout) === step) : agents;
  return (
    <Stack gap="sm">
      {unread}
      <Title order={2} size="h5">
        {query.hasNextPage ? `The first ${agents.length} of its agents` : `Its agents: ${agents.length}`}
      </Title>
      <Progress.Root size="lg" aria-label="How far it has come">
        {STEPS.filter((one) => counts[one] > 0).map((one) => (
          <Progress.Section
            key={one}
            value={(100 * counts[one]) / agents.length}
            color={COLOURS[one]}
            aria-label={`${counts[one]} ${one}`}
          />
        ))}
      </Progress.Root>
      <Group gap="lg" data-testid="progress">
        {STEPS.map((one) => (
          <Anchor
            key={one}
            component="button"
            type="button"
            size="sm"
            data-step={one}
            data-count={counts[one]}
            aria-pressed={step === one}
            fw={step === one ? 700 : undefined}
            c={one === 'rejected' && counts.rejected > 0 ? 'red' : undefined}
            onClick={() => setStep(step === one ? null : one)}
          >
            <strong>{counts[one]}</strong> {one === 'waiting' ? 'waiting for their wave' : one}
          </Anchor>
        ))}
      </Group>
      {leavesSomeOut(rollout) && (
        <Text size="sm" c="dimmed">
          Agents of later waves have no version of this policy yet, so they are not among these.
        </Text>
      )}
      {shown.length > 0 && <AgentPoliciesTable org={org} rows={shown} />}
      {shown.length === 0 && (
        <Text size="sm" c="dimmed">
          {step ? 'No agent is there.' : 'No agent is meant to have this policy.'}
        </Text>
      )}
      <More query={query} />
    </Stack>
  );
}
