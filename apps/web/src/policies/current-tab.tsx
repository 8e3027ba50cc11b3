import type { PolicyView } from '@keyfleet/contracts/http';
import { Anchor, Loader, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Empty } from '../lists/empty';
import { Failure } from '../lists/failure';
import { printStatements } from './draft/document-text';
import { checkQuery } from './policy-api';
import { StatementCard } from './statements';

/** The version in force, each statement with what it means. */
export function CurrentTab({ org, policy }: { readonly org: string; readonly policy: PolicyView }) {
  const { published } = policy;
  const text = published ? printStatements(published.document.statements, 'yaml') : '';
  const check = useQuery(checkQuery(org, text, policy.id));
  if (!published)
    return (
      <Empty
        title="Not published yet"
        action={
          <Anchor component={Link} to={`/orgs/${org}/policies/${policy.id}?tab=draft`}>
            To the draft
          </Anchor>
        }
      >
        It decides nothing before it is published and assigned.
      </Empty>
    );
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        Version {published.version}. A request is denied if any statement denies it, allowed if one allows it,
        and else denied.
      </Text>
      {check.isPending && <Loader size="sm" />}
      {check.isError && <Failure error={check.error} title="The statements could not be read out" />}
      {published.document.statements.map((statement) => (
        <StatementCard
          key={statement.id}
          statement={statement}
          reading={check.data?.readings[statement.id]}
        />
      ))}
    </Stack>
  );
}
