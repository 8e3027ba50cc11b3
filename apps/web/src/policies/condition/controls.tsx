import { ActionIcon, Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import type {
  ActionProps,
  ControlElementsProp,
  FieldSelectorProps,
  FullField,
  NotToggleProps,
  VersatileSelectorProps,
} from 'react-querybuilder';
import { RuleValue } from './rule-value';
import { FIELDS } from './rules';

interface Choice {
  readonly name?: string;
  readonly label: string;
  readonly options?: readonly Choice[];
}

const choices = (options: readonly Choice[]) =>
  options.flatMap((one) => one.options ?? [one]).map(({ name = '', label }) => ({ value: name, label }));

function Selector({ options, value, title, disabled, handleOnChange }: VersatileSelectorProps) {
  return (
    <NativeSelect
      size="xs"
      aria-label={title}
      data={choices(options as readonly Choice[])}
      value={value ?? ''}
      disabled={disabled}
      onChange={(event) => handleOnChange(event.currentTarget.value)}
    />
  );
}

const TAG = 'tags.';

/** What a rule is about; a tag's value needs the tag's name besides. */
function FieldSelector({ value = '', title, disabled, handleOnChange }: FieldSelectorProps) {
  const isTag = value.startsWith(TAG);
  return (
    <>
      <NativeSelect
        size="xs"
        aria-label={title}
        data={FIELDS.map(({ name, label }) => ({ value: name, label }))}
        value={isTag ? TAG : value}
        disabled={disabled}
        onChange={(event) => handleOnChange(event.currentTarget.value)}
      />
      {isTag && (
        <TagName key={value} name={value.slice(TAG.length)} onName={(name) => handleOnChange(TAG + name)} />
      )}
    </>
  );
}

/** Taken when it is left, for every letter would be another field. */
function TagName({ name, onName }: { readonly name: string; readonly onName: (name: string) => void }) {
  const [text, setText] = useState(name);
  return (
    <TextInput
      size="xs"
      aria-label="Name of the tag"
      placeholder="env"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => text !== name && onName(text)}
    />
  );
}

function Action({ label, title, disabled, handleOnClick }: ActionProps) {
  if (label === '×')
    return (
      <ActionIcon
        size="sm"
        variant="subtle"
        color="red"
        aria-label={title}
        disabled={disabled}
        onClick={(event) => handleOnClick(event)}
      >
        ×
      </ActionIcon>
    );
  return (
    <Button size="compact-xs" variant="light" disabled={disabled} onClick={(event) => handleOnClick(event)}>
      {label}
    </Button>
  );
}

function NotToggle({ checked = false, title, disabled, handleOnChange }: NotToggleProps) {
  return (
    <Checkbox
      size="xs"
      label="not"
      title={title}
      checked={checked}
      disabled={disabled}
      onChange={(event) => handleOnChange(event.currentTarget.checked)}
    />
  );
}

/** The editor's parts in the look of every other page. */
export const CONTROLS: ControlElementsProp<FullField, string> = {
  actionElement: Action,
  valueSelector: Selector,
  fieldSelector: FieldSelector,
  notToggle: NotToggle,
  valueEditor: RuleValue,
};
