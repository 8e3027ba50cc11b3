import { Button, Group, Paper, Text } from '@mantine/core';
import { BULK_MOST, type BulkAction, colorOf, policiesText, WORDS } from './bulk';

const ACTIONS = Object.keys(WORDS) as readonly BulkAction[];

interface BarProps {
  readonly count: number;
  readonly onAsk: (action: BulkAction) => void;
  readonly onClear: () => void;
}

/** What may be done with the policies that are chosen; it stays in view below a long list. */
export function BulkBar({ count, onAsk, onClear }: BarProps) {
  if (count === 0) return null;
  const tooMany = count > BULK_MOST;
  return (
    <Paper
      component="section"
      aria-label="Chosen policies"
      withBorder
      shadow="sm"
      p="sm"
      style={{ position: 'sticky', bottom: 8, zIndex: 2 }}
    >
      <Group gap="sm">
        <Text size="sm" fw={600} aria-live="polite" data-testid="chosen" data-count={count}>
          {policiesText(count)} chosen{tooMany && `; at most ${BULK_MOST} at once`}
        </Text>
        {ACTIONS.map((action) => (
          <Button
            key={action}
            size="compact-sm"
            variant={colorOf(action) ? 'light' : 'default'}
            color={colorOf(action)}
            disabled={tooMany}
            onClick={() => onAsk(action)}
          >
            {WORDS[action].button}
          </Button>
        ))}
        <Button size="compact-sm" variant="subtle" onClick={onClear}>
          Choose none
        </Button>
      </Group>
    </Paper>
  );
}
