import type { PolicyView } from '@keyfleet/contracts/http';
import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { Link, useBlocker } from '@tanstack/react-router';
import { Failure } from '../../lists/failure';
import { RelativeTime } from '../../time/relative-time';
import { usePolicyWrite } from '../policy-write';
import type { DraftText } from './use-draft-text';

/** What is saved and what is not, and the way on: save, discard, try, have it reviewed. */
export function DraftBar({
  org,
  policy,
  draft,
  sound,
}: {
  readonly org: string;
  readonly policy: PolicyView;
  readonly draft: DraftText;
  readonly sound: boolean;
}) {
  const save = usePolicyWrite<string>(org, (text) => [
    'PUT',
    `/${policy.id}/draft`,
    { name: policy.name, content: { text }, replaces: draft.replaces },
  ]);
  const choose = (choice: () => void) => () => {
    save.reset();
    choice();
  };
  // The draft on screen and no other: somebody may just have saved one.
  const discard = usePolicyWrite<void>(org, () => ['DELETE', `/${policy.id}/draft?hash=${draft.replaces}`]);
  useBlocker({
    shouldBlockFn: () =>
      draft.dirty && !window.confirm('The draft has changes that are not saved. Leave them behind?'),
    enableBeforeUnload: () => draft.dirty,
  });
  const next = (tab: string) => `/orgs/${org}/policies/${policy.id}?tab=${tab}`;
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Saved policy={policy} dirty={draft.dirty} />
        <Group gap="xs">
          {policy.draft && policy.published && (
            <Button
              variant="subtle"
              disabled={draft.foreign}
              loading={discard.isPending}
              onClick={() => discard.mutate()}
            >
              Discard the draft
            </Button>
          )}
          <Button
            disabled={!draft.dirty || !sound || draft.foreign}
            loading={save.isPending}
            onClick={() => {
              draft.sending(draft.text);
              save.mutate(draft.text);
            }}
          >
            Save draft
          </Button>
          {policy.draft && !draft.dirty && (
            <>
              <Button variant="default" component={Link} to={next('replay')}>
                Replay
              </Button>
              <Button variant="default" component={Link} to={next('review')}>
                Review
              </Button>
            </>
          )}
        </Group>
      </Group>
      {draft.foreign && (
        <Alert
          color="orange"
          title={`Somebody else ${policy.draft ? 'saved another draft' : 'took the draft away'} meanwhile`}
        >
          <Group>
            <Button size="xs" variant="default" onClick={choose(draft.takeTheirs)}>
              Show theirs, drop mine
            </Button>
            <Button size="xs" variant="default" onClick={choose(draft.keepMine)}>
              Keep mine; saving replaces theirs
            </Button>
          </Group>
        </Alert>
      )}
      {save.isError && !draft.foreign && <Failure error={save.error} title="The draft was not saved" />}
      {discard.isError && <Failure error={discard.error} title="The draft was not discarded" />}
    </Stack>
  );
}

function Saved({ policy, dirty }: { readonly policy: PolicyView; readonly dirty: boolean }) {
  return (
    <Group gap={6} data-testid="draft-state" data-dirty={dirty} role="status">
      <Text size="sm" fw={600}>
        {dirty ? 'Not saved' : policy.draft ? `Draft ${policy.draft.draft} saved` : 'Same as in force'}
      </Text>
      {policy.draft && !dirty && <RelativeTime at={policy.draft.writtenAt} />}
    </Group>
  );
}
