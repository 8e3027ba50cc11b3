import type { PolicyStatement } from '@keyfleet/contracts';
import { Badge, Code, Group, Paper, Stack, Text, Title } from '@mantine/core';

/** A statement as it is written, and what it means. */
export function StatementCard({
  statement,
  reading,
}: {
  readonly statement: PolicyStatement;
  readonly reading: string | undefined;
}) {
  const { id, effect, principals, actions, resources, condition } = statement;
  return (
    <Paper withBorder p="md" id={`statement-${id}`} data-statement={id} component="section" aria-label={id}>
      <Group gap="xs" mb={4}>
        <EffectBadge effect={effect} />
        <Title order={3} size="h5">
          {id}
        </Title>
      </Group>
      {reading && (
        <Text mb="xs" data-testid="reading">
          {reading}
        </Text>
      )}
      <Stack gap={2}>
        <Line label="Who" values={principals} />
        <Line label="May do" values={actions} />
        <Line label="With" values={resources} />
        {condition !== undefined && <Line label="When" values={[condition]} />}
      </Stack>
    </Paper>
  );
}

export function EffectBadge({ effect }: { readonly effect: string }) {
  return <Badge color={effect === 'deny' ? 'red' : 'teal'}>{effect}</Badge>;
}

function Line({ label, values }: { readonly label: string; readonly values: readonly string[] }) {
  return (
    <Group gap={6} wrap="nowrap" align="flex-start">
      <Text size="xs" c="dimmed" w={52} style={{ flexShrink: 0 }}>
        {label}
      </Text>
      <Group gap={4}>
        {values.map((value) => (
          <Code key={value} style={{ overflowWrap: 'anywhere' }}>
            {value}
          </Code>
        ))}
      </Group>
    </Group>
  );
}
