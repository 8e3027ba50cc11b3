import { Button, Group, TextInput } from '@mantine/core';
import { type FormEvent, useEffect, useState } from 'react';

/** The filter of a list, as it stands in the address. */
export function FilterBox({
  filter,
  placeholder,
  onApply,
}: {
  readonly filter: string;
  readonly placeholder: string;
  readonly onApply: (filter: string | undefined) => void;
}) {
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  const apply = (event: FormEvent) => {
    event.preventDefault();
    onApply(text || undefined);
  };
  return (
    <form onSubmit={apply}>
      <TextInput
        aria-label="Filter"
        placeholder={placeholder}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        rightSectionWidth={filter ? 150 : 80}
        rightSection={
          <Group gap={4} wrap="nowrap">
            {filter && (
              <Button size="compact-sm" variant="subtle" onClick={() => onApply(undefined)}>
                Clear
              </Button>
            )}
            <Button size="compact-sm" variant="light" type="submit">
              Filter
            </Button>
          </Group>
        }
      />
    </form>
  );
}
