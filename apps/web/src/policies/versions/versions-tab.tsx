import type { PolicyVersionView, PolicyView } from '@keyfleet/contracts/http';
import { Button, Group, Loader, NativeSelect, Stack, Table, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { rest } from '../../api/rest';
import { Empty } from '../../lists/empty';
import { Failure } from '../../lists/failure';
import { More } from '../../lists/more';
import { Unread } from '../../lists/unread';
import { RelativeTime } from '../../time/relative-time';
import { Person } from '../people';
import { inForce, versionsQuery } from '../policy-api';
import { PublishDialog } from '../publish/publish-dialog';
import { DiffView } from './diff-view';

interface VersionsProps {
  readonly org: string;
  readonly policy: PolicyView;
}

/** What was published, newest first; each may be compared, gone back to and certified. */
export function VersionsTab({ org, policy }: VersionsProps) {
  const query = useInfiniteQuery(versionsQuery(org, policy.id));
  const [restore, setRestore] = useState<PolicyVersionView | null>(null);
  const navigate = useNavigate();
  const certify = useMutation({
    mutationFn: (version: number) =>
      rest<{ certificateId: string }>(
        'POST',
        `/orgs/${org}/policies/${policy.id}/versions/${version}/certificates`,
      ),
    onSuccess: ({ certificateId }) =>
      navigate({
        to: '/orgs/$org/policies/certificates/$certificate',
        params: { org, certificate: certificateId },
        search: {},
      }),
  });
  const unread = <Unread query={query} title="The versions could not be read" />;
  if (query.data === undefined) return query.isError ? unread : <Loader />;
  const versions = query.data.pages.flatMap(({ items }) => items);
  if (versions.length === 0)
    return query.isError ? (
      unread
    ) : (
      <Empty title="Nothing published yet">Each time the policy is published, a version is kept.</Empty>
    );
  return (
    <Stack>
      {unread}
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing="xs" aria-label="Versions">
          <Table.Thead>
            <Table.Tr>
              {['Version', 'Published', 'By', 'Statements', 'Content', ''].map((name) => (
                <Table.Th key={name}>{name}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {versions.map((version) => (
              <Row
                key={version.version}
                version={version}
                current={version.version === inForce(policy)}
                again={againOf(policy, version.version)}
                certifying={certify.isPending && certify.variables === version.version}
                onCertify={() => certify.mutate(version.version)}
                onRestore={() => setRestore(version)}
              />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <More query={query}>Show older</More>
      {certify.isError && <Failure error={certify.error} title="No certificate was made" />}
      <Compare policy={policy} versions={versions} />
      <PublishDialog
        org={org}
        policy={policy}
        {...(restore === null ? {} : { restore })}
        opened={restore !== null}
        onClose={() => setRestore(null)}
      />
    </Stack>
  );
}

/** One that was halted may be tried again; an older one is gone back to. */
function againOf(policy: PolicyView, version: number): string | null {
  const now = inForce(policy);
  if (policy.state !== 'published' || version === now) return null;
  return now !== null && version < now ? 'Roll back to' : 'Try again';
}

interface RowProps {
  readonly version: PolicyVersionView;
  readonly current: boolean;
  /** What publishing it once more is; null where it cannot be. */
  readonly again: string | null;
  readonly certifying: boolean;
  readonly onCertify: () => void;
  readonly onRestore: () => void;
}

function Row({ version, current, again, certifying, onCertify, onRestore }: RowProps) {
  return (
    <Table.Tr data-version={version.version}>
      <Table.Td>
        <Text size="sm" fw={current ? 700 : 400}>
          {version.version}
          {current && ' (in force)'}
        </Text>
        {version.restores !== null && (
          <Text size="xs" c="dimmed">
            back to {version.restores}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <RelativeTime at={version.publishedAt} />
      </Table.Td>
      <Table.Td>
        <Person id={version.publishedBy} />
      </Table.Td>
      <Table.Td>{version.document.statements.length}</Table.Td>
      <Table.Td>
        <Text size="xs" ff="monospace" title={version.hash}>
          {version.hash.slice(0, 12)}
        </Text>
      </Table.Td>
      <Table.Td>
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {again && (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`${again} version ${version.version}`}
              onClick={onRestore}
            >
              {again}…
            </Button>
          )}
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Certificate of version ${version.version}`}
            loading={certifying}
            onClick={onCertify}
          >
            Certificate
          </Button>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

/** Two of them beside each other; the draft counts as the newest. */
function Compare({
  policy,
  versions,
}: {
  readonly policy: PolicyView;
  readonly versions: readonly PolicyVersionView[];
}) {
  const sides = [
    ...(policy.draft ? [{ value: 'draft', label: 'the draft', document: policy.draft.document }] : []),
    ...versions.map(({ version, document }) => ({
      value: String(version),
      label: `version ${version}`,
      document,
    })),
  ];
  const [from, setFrom] = useState(sides[1]?.value ?? '');
  const [to, setTo] = useState(sides[0]?.value ?? '');
  if (sides.length < 2) return null;
  const side = (value: string, other: number) =>
    (sides.find((one) => one.value === value) ?? sides[other])?.document.statements ?? [];
  return (
    <Stack gap="xs" component="section" aria-label="Compare">
      <Title order={2} size="h5">
        Compare
      </Title>
      <Group align="flex-end">
        <NativeSelect
          label="From"
          data={sides.map(({ value, label }) => ({ value, label }))}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <NativeSelect
          label="To"
          data={sides.map(({ value, label }) => ({ value, label }))}
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
        />
      </Group>
      <DiffView from={side(from, 1)} to={side(to, 0)} />
    </Stack>
  );
}
