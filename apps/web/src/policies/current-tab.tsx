import type { PolicyStatement } from '@keyfleet/contracts';
import type { PolicyView } from '@keyfleet/contracts/http';
import { Anchor, Loader, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Empty } from '../lists/empty';
import { Unread } from '../lists/unread';
import { printStatements } from './draft/document-text';
import { checkQuery, inForce, versionQuery } from './policy-api';
import { StatementCard } from './statements';
import { tabOf } from './tabs';

interface CurrentProps {
  readonly org: string;
  readonly policy: PolicyView;
}

/** The version in force, each statement with what it means. */
export function CurrentTab({ org, policy }: CurrentProps) {
  const version = inForce(policy);
  const older = useQuery({
    ...versionQuery(org, policy.id, version ?? 0),
    enabled: version !== null && version !== policy.version,
  });
  const document = version === policy.version ? policy.published?.document : older.data?.document;
  if (version === null) return <NotInForce org={org} policy={policy} />;
  if (!document)
    return older.isError ? <Unread query={older} title="The version could not be read" /> : <Loader />;
  return <Statements org={org} policy={policy} version={version} statements={document.statements} />;
}

function NotInForce({ org, policy }: CurrentProps) {
  const halted = policy.published !== null;
  return (
    <Empty
      title={halted ? 'Not in force' : 'Not published yet'}
      action={
        <Anchor component={Link} to={tabOf(org, policy.id, halted ? 'rollout' : 'draft')}>
          {halted ? 'To its rollout' : 'To the draft'}
        </Anchor>
      }
    >
      {halted
        ? 'The rollout of its only version was halted, so no agent decides by it.'
        : 'It decides nothing before it is published and assigned.'}
    </Empty>
  );
}

interface StatementsProps extends CurrentProps {
  readonly version: number;
  readonly statements: readonly PolicyStatement[];
}

function Statements({ org, policy, version, statements }: StatementsProps) {
  const check = useQuery(checkQuery(org, printStatements(statements, 'yaml'), policy.id));
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        Version {version}. A request is denied if any statement denies it, allowed if one allows it, and else
        denied.
      </Text>
      {check.isPending && <Loader size="sm" />}
      <Unread query={check} title="The statements could not be read out" />
      {statements.map((statement) => (
        <StatementCard
          key={statement.id}
          statement={statement}
          reading={check.data?.readings[statement.id]}
        />
      ))}
    </Stack>
  );
}
