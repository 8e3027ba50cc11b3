import { Autocomplete, Chip, Group, NativeSelect, TagsInput, TextInput } from '@mantine/core';
import type { ValueEditorProps } from 'react-querybuilder';
import { valueKind, type Zoned } from './rules';

const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
/** As CEL counts them: Sunday is 0. */
const WEEK = [
  ...[
    { day: 1, name: 'Mon' },
    { day: 2, name: 'Tue' },
    { day: 3, name: 'Wed' },
    { day: 4, name: 'Thu' },
  ],
  ...[
    { day: 5, name: 'Fri' },
    { day: 6, name: 'Sat' },
    { day: 0, name: 'Sun' },
  ],
];
const EXAMPLES: Readonly<Record<string, string>> = {
  groups: 'ops',
  tags: 'env',
  principal: 'app:billing',
  address: '10.0.0.0/8',
  path: 'team/app/db',
  client: 'curl/8',
};

/** The value of one rule, entered as its field wants it. */
export function RuleValue({ field, operator, value, disabled, handleOnChange }: ValueEditorProps) {
  const kind = valueKind(field, operator);
  const common = { size: 'xs', disabled, 'aria-label': 'Value' } as const;
  if (kind === 'yes-no')
    return (
      <NativeSelect
        {...common}
        data={field === 'always' ? ALWAYS : GIVEN}
        value={String(value)}
        onChange={(event) => handleOnChange(event.currentTarget.value === 'true')}
      />
    );
  if (kind === 'texts')
    return (
      <TagsInput
        {...common}
        miw={180}
        acceptValueOnBlur
        placeholder="one, then Enter"
        value={Array.isArray(value) ? (value as string[]) : []}
        onChange={handleOnChange}
      />
    );
  if (kind === 'weekdays') return <Weekdays value={value as Zoned<number[]>} onChange={handleOnChange} />;
  if (kind === 'clock') return <ClockTime value={value as Zoned<string>} onChange={handleOnChange} />;
  return (
    <TextInput
      {...common}
      placeholder={kind === 'moment' ? '2027-01-31T00:00:00.000Z' : EXAMPLES[field]}
      value={typeof value === 'string' ? value : ''}
      onChange={(event) => handleOnChange(event.currentTarget.value)}
    />
  );
}

const GIVEN = [
  { value: 'true', label: 'given' },
  { value: 'false', label: 'not given' },
];
const ALWAYS = [
  { value: 'true', label: 'always' },
  { value: 'false', label: 'never' },
];

interface ZonedProps<Value> {
  readonly value: Zoned<Value>;
  readonly onChange: (value: Zoned<Value>) => void;
}

function Weekdays({ value: { zone, value }, onChange }: ZonedProps<number[]>) {
  return (
    <Group gap={4}>
      <Chip.Group
        multiple
        value={value.map(String)}
        onChange={(days) =>
          onChange({ zone, value: WEEK.map(({ day }) => day).filter((day) => days.includes(String(day))) })
        }
      >
        {WEEK.map(({ day, name }) => (
          <Chip key={day} size="xs" value={String(day)}>
            {name}
          </Chip>
        ))}
      </Chip.Group>
      <Zone zone={zone} onZone={(next) => onChange({ zone: next, value })} />
    </Group>
  );
}

function ClockTime({ value: { zone, value }, onChange }: ZonedProps<string>) {
  return (
    <Group gap={4}>
      <TextInput
        size="xs"
        w={70}
        aria-label="Time of day, hours and minutes"
        placeholder="08:00"
        value={value}
        onChange={(event) => onChange({ zone, value: event.currentTarget.value })}
      />
      <Zone zone={zone} onZone={(next) => onChange({ zone: next, value })} />
    </Group>
  );
}

function Zone({ zone, onZone }: { readonly zone: string; readonly onZone: (zone: string) => void }) {
  return (
    <Autocomplete
      size="xs"
      w={170}
      aria-label="Time zone"
      data={ZONES}
      limit={20}
      value={zone}
      onChange={onZone}
    />
  );
}
