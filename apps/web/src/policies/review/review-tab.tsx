import type { PolicyView } from '@keyfleet/contracts/http';
import { Alert, Anchor, Badge, Button, Group, Stack, Text, Textarea, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Empty } from '../../lists/empty';
import { Failure } from '../../lists/failure';
import { RelativeTime } from '../../time/relative-time';
import { printStatements } from '../draft/document-text';
import { Person, useMe } from '../people';
import { checkQuery, type Draft } from '../policy-api';
import { usePolicyWrite } from '../policy-write';
import { PublishDialog } from '../publish/publish-dialog';
import { tabOf } from '../tabs';
import { DiffView } from '../versions/diff-view';

interface ReviewProps {
  readonly org: string;
  readonly policy: PolicyView;
}

/** The draft beside what is in force, and what somebody else says to it. */
export function ReviewTab({ org, policy }: ReviewProps) {
  const { draft, published } = policy;
  const [publishing, setPublishing] = useState(false);
  const text = draft ? printStatements(draft.document.statements, 'yaml') : '';
  const check = useQuery(checkQuery(org, text, policy.id));
  if (!draft)
    return (
      <Empty
        title="No draft to review"
        action={
          <Anchor component={Link} to={tabOf(org, policy.id, 'draft')}>
            Write one
          </Anchor>
        }
      >
        What is in force was reviewed before.
      </Empty>
    );
  return (
    <Stack>
      <Group justify="space-between">
        <Group gap="xs">
          <Text>
            Draft {draft.draft}, written by <Person id={draft.writtenBy} />
          </Text>
          <RelativeTime at={draft.writtenAt} />
          <ReviewBadge draft={draft} />
        </Group>
        <Button disabled={draft.review?.state !== 'approved'} onClick={() => setPublishing(true)}>
          Publish…
        </Button>
      </Group>
      <Verdict draft={draft} />
      <Actions org={org} policy={policy} draft={draft} />
      <Title order={2} size="h5">
        {published ? `Against version ${published.version}` : 'Everything in it is new'}
      </Title>
      <DiffView
        from={published?.document.statements ?? []}
        to={draft.document.statements}
        readings={check.data?.readings ?? {}}
      />
      {check.data && check.data.conflicts.length > 0 && (
        <Alert color="orange" title="Its statements get in each other's way">
          <Anchor component={Link} to={tabOf(org, policy.id, 'draft')}>
            {check.data.conflicts.length + check.data.more}{' '}
            {check.data.conflicts.length === 1 ? 'conflict' : 'conflicts'}
          </Anchor>
        </Alert>
      )}
      <PublishDialog org={org} policy={policy} opened={publishing} onClose={() => setPublishing(false)} />
    </Stack>
  );
}

const LOOK = {
  requested: { color: 'blue', text: 'review requested' },
  approved: { color: 'teal', text: 'approved' },
  rejected: { color: 'red', text: 'rejected' },
} as const;

function ReviewBadge({ draft: { review } }: { readonly draft: Draft }) {
  const look = review ? LOOK[review.state] : { color: 'gray', text: 'not reviewed' };
  return (
    <Badge color={look.color} variant="light" data-review={review?.state ?? 'none'}>
      {look.text}
    </Badge>
  );
}

function Verdict({ draft: { review } }: { readonly draft: Draft }) {
  if (!review) return null;
  return (
    <Group gap={6}>
      <Text size="sm">
        {LOOK[review.state].text} by <Person id={review.by} />
      </Text>
      <RelativeTime at={review.at} />
      {review.comment && (
        <Text size="sm" fs="italic">
          “{review.comment}”
        </Text>
      )}
    </Group>
  );
}

interface ActionsProps extends ReviewProps {
  readonly draft: Draft;
}

function Actions({ org, policy, draft }: ActionsProps) {
  const own = useMe() === draft.writtenBy;
  const [comment, setComment] = useState('');
  const said = { comment: comment.trim() || null };
  const request = usePolicyWrite<void>(org, () => ['POST', `/${policy.id}/draft/review-requests`, said]);
  const review = usePolicyWrite<'approved' | 'rejected'>(org, (verdict) => [
    'POST',
    `/${policy.id}/draft/reviews`,
    { hash: draft.hash, verdict, ...said },
  ]);
  const done = { onSuccess: () => setComment('') };
  if (draft.review?.state === 'approved') return null;
  return (
    <Stack gap="xs">
      <Note own={own} />
      <Textarea
        label="Comment"
        autosize
        minRows={2}
        maxLength={2_000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Group>
        {draft.review?.state !== 'requested' && (
          <Button
            variant="default"
            loading={request.isPending}
            onClick={() => request.mutate(undefined, done)}
          >
            Request a review
          </Button>
        )}
        <Button
          disabled={own}
          loading={review.isPending && review.variables === 'approved'}
          onClick={() => review.mutate('approved', done)}
        >
          Approve
        </Button>
        <Button
          color="red"
          variant="light"
          disabled={own}
          loading={review.isPending && review.variables === 'rejected'}
          onClick={() => review.mutate('rejected', done)}
        >
          Reject
        </Button>
      </Group>
      {request.isError && <Failure error={request.error} title="No review was requested" />}
      {review.isError && <Failure error={review.error} title="The review was not taken" />}
    </Stack>
  );
}

function Note({ own }: { readonly own: boolean }): ReactNode {
  if (!own) return null;
  return (
    <Alert color="blue" title="You wrote this draft" data-testid="own-draft">
      Somebody else has to review it: whoever wrote a draft does not approve or reject it. Request a review
      and send them the address of this page.
    </Alert>
  );
}
