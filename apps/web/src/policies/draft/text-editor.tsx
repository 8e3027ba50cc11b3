import { Box, Group } from '@mantine/core';
import { type RefObject, useMemo } from 'react';

const LETTERS = {
  fontFamily: 'var(--mantine-font-family-monospace)',
  fontSize: 13,
  lineHeight: '20px',
  margin: 0,
  padding: '8px 10px',
} as const;

/** A policy as text, with the numbers of its lines; those with problems are marked. Tab leaves it, as in every field. */
export function TextEditor({
  text,
  onChange,
  wrong,
  editor,
}: {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly wrong: ReadonlySet<number>;
  readonly editor: RefObject<HTMLTextAreaElement | null>;
}) {
  const lines = useMemo(() => text.split('\n').length, [text]);
  return (
    <Box className="text-editor">
      <Group gap={0} wrap="nowrap" align="stretch">
        <Box aria-hidden className="text-editor-lines" style={LETTERS}>
          {Array.from({ length: lines }, (_, index) => (
            <div
              key={`line ${index + 1}`}
              className={wrong.has(index + 1) ? 'text-editor-wrong' : ''}
              data-wrong={wrong.has(index + 1) || undefined}
            >
              {index + 1}
            </div>
          ))}
        </Box>
        <textarea
          ref={editor}
          aria-label="Policy text"
          aria-describedby="policy-problems"
          aria-invalid={wrong.size > 0}
          spellCheck={false}
          autoCapitalize="off"
          autoCorrect="off"
          wrap="off"
          rows={Math.max(lines, 12)}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
          style={LETTERS}
        />
      </Group>
    </Box>
  );
}
