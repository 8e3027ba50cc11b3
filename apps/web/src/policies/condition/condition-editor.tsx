import type { BuilderGroup } from '@keyfleet/policy-engine';
import { Alert, Group, SegmentedControl, Stack, Text, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';
import { prepareRuleGroup, QueryBuilder, type RuleGroupType } from 'react-querybuilder';
import { CONTROLS } from './controls';
import { conditionOf, FIELDS, inWords, operatorsOf, sameCondition, tidied, treeOf } from './rules';

interface ConditionEditorProps {
  readonly condition: string | undefined;
  readonly error: string | undefined;
  readonly onChange: (condition: string | undefined) => void;
}

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
const fields = FIELDS.map(({ name, label }) => ({ name, label, value: name }));
const combinators = [
  { name: 'and', value: 'and', label: 'all of these' },
  { name: 'or', value: 'or', label: 'any of these' },
];
const translations = {
  addRule: { label: 'Add a rule', title: 'Add a rule' },
  addGroup: { label: 'Add a group', title: 'Add a group of rules' },
  removeRule: { label: '×', title: 'Remove this rule' },
  removeGroup: { label: '×', title: 'Remove this group' },
  notToggle: { label: 'not', title: 'Not what follows' },
  combinators: { title: 'How the rules are joined' },
  fields: { title: 'What it is about' },
  operators: { title: 'How it is compared' },
  value: { title: 'Value' },
};

/** When a statement holds: as rules to click together, or as CEL; each shows what the other wrote. */
export function ConditionEditor({ condition, error, onChange }: ConditionEditorProps) {
  const [view, setView] = useState<'rules' | 'cel'>('rules');
  const words = inWords(condition);
  return (
    <Stack gap={6} role="group" aria-label="Condition">
      <Group justify="space-between">
        <Text size="sm" fw={600}>
          When
        </Text>
        <SegmentedControl
          size="xs"
          aria-label="How to write the condition"
          value={view}
          onChange={(value) => setView(value as 'rules' | 'cel')}
          data={[
            { value: 'rules', label: 'Rules' },
            { value: 'cel', label: 'CEL' },
          ]}
        />
      </Group>
      {view === 'rules' ? (
        <Rules condition={condition} onChange={onChange} />
      ) : (
        <Textarea
          aria-label="Condition in CEL"
          placeholder='secondFactor && "ops" in groups'
          autosize
          minRows={2}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          spellCheck={false}
          value={condition ?? ''}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        />
      )}
      {words && (
        <Text size="sm" c="dimmed" data-testid="condition-reading">
          {words}
        </Text>
      )}
      {error && (
        <Text size="sm" c="red" role="alert">
          {error}
        </Text>
      )}
    </Stack>
  );
}

interface Shown {
  readonly tree: RuleGroupType | null;
  readonly problem: string | null;
  /** What the tree was written down as, or read from. */
  readonly condition: string | undefined;
}

function shownOf(condition: string | undefined): Shown {
  const { tree, problem } = treeOf(condition);
  return { tree: tree && prepareRuleGroup(tree as RuleGroupType), problem, condition };
}

/** Keeps a tree that cannot be written down yet; whatever comes from outside takes its place. */
function Rules({ condition, onChange }: Omit<ConditionEditorProps, 'error'>) {
  const [shown, setShown] = useState(() => shownOf(condition));
  useEffect(() => {
    setShown((before) => (before.condition === condition ? before : shownOf(condition)));
  }, [condition]);
  if (!shown.tree)
    return (
      <Alert color="orange" title="Only CEL can show this condition">
        {shown.problem}
      </Alert>
    );
  const change = (changed: RuleGroupType) => {
    const tree = tidied(changed as BuilderGroup, ZONE, Date.now()) as RuleGroupType;
    const written = conditionOf(tree as BuilderGroup);
    const keeps = written.condition === null || sameCondition(written.condition, shown.condition);
    const next = keeps ? shown.condition : (written.condition ?? undefined);
    setShown({ tree, problem: written.problem, condition: next });
    if (!keeps) onChange(next);
  };
  return (
    <div className="condition-editor">
      <QueryBuilder
        query={shown.tree}
        onQueryChange={change}
        fields={fields}
        combinators={combinators}
        getOperators={(field) => operatorsOf(field).map((one) => ({ ...one, value: one.name }))}
        getDefaultField="secondFactor"
        getDefaultValue={({ field }) => (field === 'secondFactor' ? true : '')}
        resetOnFieldChange={false}
        autoSelectField
        autoSelectOperator
        listsAsArrays
        showNotToggle
        translations={translations}
        controlElements={CONTROLS}
      />
      {shown.tree.rules.length === 0 && (
        <Text size="sm" c="dimmed">
          No rules: it always holds.
        </Text>
      )}
      {shown.problem && (
        <Text size="sm" c="red" role="alert">
          {shown.problem}
        </Text>
      )}
    </div>
  );
}
