import { Button, Drawer, Loader, Radio, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { policiesKey } from '../api/notices';
import { rest } from '../api/rest';
import { Failure } from '../lists/failure';
import { Unread } from '../lists/unread';
import { templatesQuery } from './policy-api';

/** Begins a policy from a template, as a draft to be changed. */
export function NewPolicy({
  org,
  opened,
  onClose,
}: {
  readonly org: string;
  readonly opened: boolean;
  readonly onClose: () => void;
}) {
  return (
    <Drawer opened={opened} onClose={onClose} title="New policy" position="right" size="lg">
      <BeginForm org={org} />
    </Drawer>
  );
}

function BeginForm({ org }: { readonly org: string }) {
  const templates = useQuery(templatesQuery(org));
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<string | null>(null);
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const all = templates.data?.items ?? [];
  const template = all.find(({ id }) => id === chosen) ?? all[0];
  const begin = useMutation({
    mutationFn: () =>
      rest<{ id: string }>('POST', `/orgs/${org}/policies`, {
        name: name.trim() || template?.name,
        content: { document: template?.document },
      }),
    onSuccess: async ({ id }) => {
      await queryClient.invalidateQueries({ queryKey: policiesKey(org) });
      await navigate({
        to: '/orgs/$org/policies/$policy',
        params: { org, policy: id },
        search: { tab: 'draft' },
      });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    begin.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label="Name"
          placeholder={template?.name ?? 'Payments'}
          value={name}
          maxLength={100}
          data-autofocus
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {templates.isPending && <Loader />}
        <Unread query={templates} title="The templates could not be read" />
        <Radio.Group
          label="Begin with"
          description="Names and paths are examples: change them in the draft."
          value={template?.id ?? ''}
          onChange={setChosen}
        >
          <Stack mt="xs">
            {all.map(({ id, name: title, summary }) => (
              <Radio key={id} value={id} label={title} description={summary} />
            ))}
          </Stack>
        </Radio.Group>
        <Text size="sm" c="dimmed">
          A draft decides nothing. It is checked, reviewed and published when you say so.
        </Text>
        {begin.isError && <Failure error={begin.error} title="The policy was not made" />}
        <Button type="submit" loading={begin.isPending} disabled={!template}>
          Write a draft
        </Button>
      </Stack>
    </form>
  );
}
