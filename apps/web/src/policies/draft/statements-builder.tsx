import type { PolicyCheck } from '@keyfleet/contracts/http';
import { ActionIcon, Badge, Button, Group, Paper, Stack, Text } from '@mantine/core';
import { EffectBadge } from '../statements';
import { freshId, placeOf, type StatementDraft } from './document-text';
import { StatementForm } from './statement-form';

interface BuilderProps {
  readonly statements: readonly StatementDraft[];
  readonly problems: PolicyCheck['problems'];
  readonly readings: PolicyCheck['readings'];
  /** Which statement is being changed. */
  readonly open: number | null;
  readonly onOpen: (index: number | null) => void;
  readonly onChange: (statements: readonly StatementDraft[]) => void;
}

const NEW: Omit<StatementDraft, 'id'> = {
  effect: 'allow',
  principals: [],
  actions: ['read'],
  resources: [],
};

/** The statements as a form, one of them open at a time. */
export function StatementsBuilder({ statements, problems, readings, open, onOpen, onChange }: BuilderProps) {
  const replace = (index: number, statement: StatementDraft) =>
    onChange(statements.map((one, at) => (at === index ? statement : one)));
  const remove = (index: number) => {
    onChange(statements.filter((_, at) => at !== index));
    onOpen(null);
  };
  const add = () => {
    onChange([...statements, { id: freshId(statements), ...NEW }]);
    onOpen(statements.length);
  };
  return (
    <Stack gap="xs">
      {statements.map((statement, index) => {
        const own = problems.filter(({ pointer }) => placeOf(pointer)?.index === index);
        return (
          // Statements have no other name than their place while their ids are being written.
          <Paper withBorder p="sm" key={`statement ${index}`} data-statement={statement.id}>
            <Row
              statement={statement}
              reading={readings[statement.id]}
              problems={own.length}
              open={open === index}
              onToggle={() => onOpen(open === index ? null : index)}
              onRemove={() => remove(index)}
            />
            {open === index && (
              <StatementForm
                statement={statement}
                problems={own}
                onChange={(changed) => replace(index, changed)}
              />
            )}
          </Paper>
        );
      })}
      <Button variant="light" onClick={add} style={{ alignSelf: 'flex-start' }}>
        Add a statement
      </Button>
    </Stack>
  );
}

interface RowProps {
  readonly statement: StatementDraft;
  readonly reading: string | undefined;
  readonly problems: number;
  readonly open: boolean;
  readonly onToggle: () => void;
  readonly onRemove: () => void;
}

function Row({ statement, reading, problems, open, onToggle, onRemove }: RowProps) {
  return (
    <Group justify="space-between" wrap="nowrap" align="flex-start">
      <div>
        <Group gap="xs">
          <EffectBadge effect={statement.effect} />
          <Text fw={600}>{statement.id || 'without a name'}</Text>
          {problems > 0 && (
            <Badge color="red" variant="filled">
              {problems} {problems === 1 ? 'problem' : 'problems'}
            </Badge>
          )}
        </Group>
        {reading && (
          <Text size="sm" c="dimmed" data-testid="reading">
            {reading}
          </Text>
        )}
      </div>
      <Group gap={4} wrap="nowrap">
        <Button
          size="compact-sm"
          variant="default"
          aria-expanded={open}
          aria-label={`${open ? 'Close' : 'Change'} ${statement.id}`}
          onClick={onToggle}
        >
          {open ? 'Close' : 'Change'}
        </Button>
        <ActionIcon variant="subtle" color="red" aria-label={`Remove ${statement.id}`} onClick={onRemove}>
          ×
        </ActionIcon>
      </Group>
    </Group>
  );
}
