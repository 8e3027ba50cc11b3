import type { PolicyStatement } from '@keyfleet/contracts';
import { Badge, Code, Group, Paper, Stack, Text } from '@mantine/core';
import { StatementCard } from '../statements';
import { diffStatements, type FieldChange, type StatementChange } from './diff';

const LABEL: Readonly<Record<string, string>> = {
  effect: 'Effect',
  principals: 'Who',
  actions: 'May do',
  resources: 'With',
  condition: 'When',
};

/** What is another in the second of two documents. */
export function DiffView({
  from,
  to,
  readings = {},
}: {
  readonly from: readonly PolicyStatement[];
  readonly to: readonly PolicyStatement[];
  /** Of the second, by statement. */
  readonly readings?: Readonly<Record<string, string>>;
}) {
  const changes = diffStatements(from, to);
  if (changes.length === 0) return <Text c="dimmed">No difference.</Text>;
  return (
    <Stack gap="xs" data-testid="diff">
      {changes.map((change) => (
        <Change
          key={`${change.kind} ${change.kind === 'changed' ? change.id : change.statement.id}`}
          change={change}
          reading={readings[change.kind === 'changed' ? change.id : change.statement.id]}
        />
      ))}
    </Stack>
  );
}

function Change({
  change,
  reading,
}: {
  readonly change: StatementChange;
  readonly reading: string | undefined;
}) {
  if (change.kind === 'changed')
    return (
      <Paper withBorder p="md" data-change="changed">
        <Group gap="xs" mb={4}>
          <Badge color="blue">changed</Badge>
          <Text fw={600}>{change.id}</Text>
        </Group>
        {reading && <Text mb="xs">{reading}</Text>}
        {change.fields.map((field) => (
          <Field key={field.field} change={field} />
        ))}
      </Paper>
    );
  return (
    <div className={change.kind === 'added' ? 'diff-added' : 'diff-removed'} data-change={change.kind}>
      <Text size="xs" fw={600} px="md" pt={4}>
        {change.kind}
      </Text>
      <StatementCard statement={change.statement} reading={change.kind === 'added' ? reading : undefined} />
    </div>
  );
}

function Field({ change: { field, removed, added } }: { readonly change: FieldChange }) {
  return (
    <Group gap={6} wrap="nowrap" align="flex-start">
      <Text size="xs" c="dimmed" w={52} style={{ flexShrink: 0 }}>
        {LABEL[field] ?? field}
      </Text>
      <Group gap={4}>
        {removed.map((value) => (
          <Code key={`- ${value}`} className="diff-removed">
            <del>{value}</del>
          </Code>
        ))}
        {added.map((value) => (
          <Code key={`+ ${value}`} className="diff-added">
            <ins style={{ textDecoration: 'none' }}>+ {value}</ins>
          </Code>
        ))}
      </Group>
    </Group>
  );
}
