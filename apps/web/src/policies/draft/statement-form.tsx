import type { PolicyCheck } from '@keyfleet/contracts/http';
import { MultiSelect, SegmentedControl, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { ACTIONS } from '../actions';
import { ConditionEditor } from '../condition/condition-editor';
import { placeOf, type StatementDraft } from './document-text';

/** One statement, field by field; what is wrong stands under its field. */
export function StatementForm({
  statement,
  problems,
  onChange,
}: {
  readonly statement: StatementDraft;
  readonly problems: PolicyCheck['problems'];
  readonly onChange: (statement: StatementDraft) => void;
}) {
  const wrong = (field: string) =>
    problems
      .filter(({ pointer }) => placeOf(pointer)?.field === field)
      .map(({ message }) => message)
      .join(' · ') || undefined;
  const wrongList = (field: 'principals' | 'actions' | 'resources') =>
    statement[field].length === 0 ? 'Name at least one' : wrong(field);
  return (
    <Stack mt="sm" gap="sm">
      <TextInput
        label="Name"
        description="Names it in decisions, conflicts and audit"
        value={statement.id}
        error={wrong('id')}
        onChange={(event) => onChange({ ...statement, id: event.currentTarget.value })}
      />
      <div>
        <Text size="sm" fw={600} mb={4}>
          Effect
        </Text>
        <SegmentedControl
          aria-label="Effect"
          value={statement.effect}
          data={[
            { value: 'allow', label: 'Allow' },
            { value: 'deny', label: 'Deny' },
          ]}
          onChange={(effect) => onChange({ ...statement, effect })}
        />
      </div>
      <TagsInput
        label="Who"
        description="Names such as app:billing or ci:*, groups such as @ops, * for everybody"
        value={[...statement.principals]}
        error={wrongList('principals')}
        acceptValueOnBlur
        onChange={(principals) => onChange({ ...statement, principals })}
      />
      <MultiSelect
        label="May do"
        description="* stands for all actions"
        data={[...ACTIONS]}
        value={[...statement.actions]}
        error={wrongList('actions')}
        searchable
        onChange={(actions) => onChange({ ...statement, actions })}
      />
      <TagsInput
        label="With which secrets"
        description="Paths such as team/app/db-*, team/** for all below, @vault for the vault as a whole"
        value={[...statement.resources]}
        error={wrongList('resources')}
        acceptValueOnBlur
        onChange={(resources) => onChange({ ...statement, resources })}
      />
      <ConditionEditor
        condition={statement.condition}
        error={wrong('condition')}
        onChange={(condition) => {
          const { condition: _, ...bare } = statement;
          onChange(condition === undefined ? bare : { ...bare, condition });
        }}
      />
      {wrong('') && (
        <Text size="sm" c="red">
          {wrong('')}
        </Text>
      )}
    </Stack>
  );
}
