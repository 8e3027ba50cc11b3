import type { BulkPolicyItem } from '@keyfleet/contracts/http';
import { Button, Group, Loader, Modal, Stack, Text } from '@mantine/core';
import { Failure } from '../../lists/failure';
import { Outdated } from '../../lists/outdated';
import { TargetChoice } from '../assignments/target-choice';
import { type BulkAction, colorOf, policiesText, summaryText, takesTarget, WORDS } from './bulk';
import { OutcomesTable } from './outcomes-table';
import { useBulk } from './use-bulk';

interface BulkProps {
  readonly org: string;
  readonly action: BulkAction;
  readonly policies: readonly string[];
  readonly onClose: () => void;
  /** When it is closed after something was done. */
  readonly onDone: () => void;
}

/** Says what would come of it for each policy, and does it only after that. */
export function BulkDialog({ org, action, policies, onClose, onDone }: BulkProps) {
  const { fields, setFields, act, over, error, query, ...foreseen } = useBulk(org, action, policies);
  const { title, about } = WORDS[action];
  const leave = act.isSuccess ? onDone : onClose;
  return (
    <Modal
      opened
      onClose={leave}
      title={`${title} ${policiesText(policies.length)}`}
      size="xl"
      closeOnEscape={!act.isPending}
      closeOnClickOutside={!act.isPending}
      withCloseButton={!act.isPending}
      closeButtonProps={{ 'aria-label': 'Close the dialog' }}
    >
      <Stack>
        <Text size="sm">{about}</Text>
        {takesTarget(action) && !over && <TargetChoice org={org} fields={fields} onChange={setFields} />}
        {error && <Failure error={error} title="What would come of it is not clear" />}
        {act.isError && <Failure error={act.error} title="Not all of it may be done" />}
        {!over && <Outdated query={query}>Policies changed since this was looked at.</Outdated>}
        <Outcomes action={action} items={foreseen.items} waiting={foreseen.waiting} />
        <Group justify="flex-end">
          <Button variant="default" onClick={leave} disabled={act.isPending}>
            {act.isSuccess ? 'Close' : 'Not now'}
          </Button>
          {!act.isSuccess && (
            <Confirm action={action} would={foreseen.would} of={policies.length} act={act} />
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

interface ConfirmProps {
  readonly action: BulkAction;
  /** Those that would change. */
  readonly would: readonly string[];
  /** How many were chosen. */
  readonly of: number;
  readonly act: {
    readonly isPending: boolean;
    readonly mutate: (ids: readonly string[]) => void;
  };
}

function Confirm({ action, would, of, act }: ConfirmProps) {
  return (
    <Button
      color={colorOf(action)}
      disabled={would.length === 0}
      loading={act.isPending}
      onClick={() => act.mutate(would)}
    >
      {`${WORDS[action].title} ${policiesText(would.length || of)}`}
    </Button>
  );
}

interface OutcomesProps {
  readonly action: BulkAction;
  readonly items: readonly BulkPolicyItem[] | undefined;
  readonly waiting: boolean;
}

function Outcomes({ action, items, waiting }: OutcomesProps) {
  if (!items) return waiting ? <Loader aria-label="Looking what would come of it" /> : null;
  return (
    <>
      <Text size="sm" fw={600} aria-live="polite" data-testid="bulk-summary">
        {summaryText(items)}
      </Text>
      <OutcomesTable action={action} items={items} />
    </>
  );
}
